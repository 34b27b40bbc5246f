package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"
)

// seal encrypts and authenticates what cookies hold. Its key is made at the start and kept nowhere, so that a
// restart has people sign in again, which their provider mostly does without asking them.
type seal struct {
	mu    sync.Mutex
	aead  cipher.AEAD
	ended map[string]time.Time // sessions that were signed out of, and when they would have expired
}

// manyEnded is how many sessions are remembered as ended before all of them end.
const manyEnded = 1 << 14

func newSeal() *seal { return &seal{aead: newKey(), ended: map[string]time.Time{}} }

func newKey() cipher.AEAD {
	block, err := aes.NewCipher(random(32))
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES is a cipher of 16 bytes
	}
	return aead
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // which never fails
	return b
}

// token is a word that nobody guesses.
func token() string { return base64.RawURLEncoding.EncodeToString(random(32)) }

func (s *seal) key() cipher.AEAD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aead
}

// longestCookie is what every browser keeps, with some room for the rest of the header.
const longestCookie = 3800

// put sets a cookie. Its name is sealed with it, so that none passes for another.
func (s *seal) put(w http.ResponseWriter, name string, value any, expires, now time.Time) error {
	plain, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write a cookie: %w", err)
	}
	sealed := base64.RawURLEncoding.EncodeToString(s.key().Seal(nil, nil, plain, []byte(name)))
	if len(sealed) > longestCookie {
		return errors.New("it is too long for a cookie")
	}
	http.SetCookie(w, cookie(name, sealed, int(expires.Sub(now).Seconds())))
	return nil
}

func cookie(name, value string, age int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode}
}

// drop has the browser forget a cookie.
func drop(w http.ResponseWriter, name string) { http.SetCookie(w, cookie(name, "", -1)) }

// open reads a cookie; it reports whether there is one that we sealed.
func (s *seal) open(r *http.Request, name string, into any) bool {
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) > longestCookie {
		return false
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil {
		return false
	}
	plain, err := s.key().Open(nil, nil, sealed, []byte(name))
	return err == nil && json.Unmarshal(plain, into) == nil
}

// end remembers that a session is over, as long as its cookie would count.
func (s *seal) end(id string, expires, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ended) >= manyEnded {
		maps.DeleteFunc(s.ended, func(_ string, at time.Time) bool { return !now.Before(at) })
	}
	if len(s.ended) >= manyEnded { // no cookie of the old key opens any more
		clear(s.ended)
		s.aead = newKey()
		return
	}
	s.ended[id] = expires
}

func (s *seal) isEnded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ended := s.ended[id]
	return ended
}
