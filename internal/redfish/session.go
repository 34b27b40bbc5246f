package redfish

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/stmcginnis/gofish"

	"millwright.dev/millwright/internal/kinds"
)

const (
	// requestsAtOnce is what BMCs bear; NVIDIA's controllers allow themselves four, too.
	requestsAtOnce = 4
	// logoutTime bounds Close, which has to give the session back also when its context is done.
	logoutTime = 10 * time.Second
)

var errClosed = errors.New("the connection to the BMC is closed")

// session is the one session with a BMC, which has few. The fields below lock belong to whoever holds
// it; a caller whose context ends gives up waiting for it.
type session struct {
	lock    chan struct{}
	client  *gofish.APIClient // nil while there is no session
	refused [sha256.Size]byte // digest of the credentials that the BMC refused
	closed  bool
}

func (s *session) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // else a BMC that was not asked would count as one that did not answer
	}
	select {
	case s.lock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the session: %w", ctx.Err())
	}
}

func (s *session) release() { <-s.lock }

// send makes a request in our session. A session that the BMC no longer knows is made anew once: what
// was answered 401 had no effect, so that this is safe for writes, too.
func (b *BMC) send(ctx context.Context, request func(*gofish.APIClient) (*http.Response, error)) (answer, error) {
	var ended *gofish.APIClient
	for {
		client, err := b.login(ctx, ended)
		if err != nil {
			return answer{}, err
		}
		a, err := exchange(func() (*http.Response, error) { return request(client.WithContext(ctx)) })
		err = plain(err, whileWorking)
		b.silence.note(b.opts.Now(), err)
		if ended != nil || !errors.Is(err, ErrUnauthorised) {
			return a, err
		}
		ended = client
	}
}

// login is the open session, unless it is the one that ended, or a new one.
func (b *BMC) login(ctx context.Context, ended *gofish.APIClient) (*gofish.APIClient, error) {
	s := &b.session
	if err := s.acquire(ctx); err != nil {
		return nil, err
	}
	defer s.release()
	if s.closed {
		return nil, errClosed
	}
	if err := b.silence.check(b.opts.Now()); err != nil {
		return nil, err
	}
	if s.client != nil && s.client != ended {
		return s.client, nil
	}
	_ = b.logout(ctx) // a BMC may refuse a single request and keep the session: it must not pile up
	user, password, err := b.opts.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the credentials of %s: %w", b.target, err)
	}
	digest := sha256.Sum256([]byte(user + "\x00" + password))
	if digest == s.refused {
		return nil, fmt.Errorf("log in as %q: %w before, and not tried again as they are: correct the Secret; if the account was corrected instead, restart", user, ErrUnauthorised)
	}
	client, err := gofish.ConnectContext(ctx, gofish.ClientConfig{
		Endpoint: b.opts.Endpoint, Username: user, Password: password, HTTPClient: b.http,
		ReuseConnections: true, NoModifyTransport: true, MaxConcurrentRequests: requestsAtOnce,
	})
	if err = plain(err, whileLoggingIn); err != nil {
		b.silence.note(b.opts.Now(), err)
		if errors.Is(err, ErrUnauthorised) {
			s.refused = digest
		}
		return nil, fmt.Errorf("log in as %q: %w", user, err)
	}
	if open, err := client.GetSession(); err != nil || open.Token == "" {
		return nil, fmt.Errorf("log in as %q: %w: the BMC named no session", user, ErrRefused)
	}
	s.client = client
	return client, nil
}

// Holds is the address of the open session; "" if there is none.
func (b *BMC) Holds(ctx context.Context) string {
	if err := b.session.acquire(ctx); err != nil {
		return ""
	}
	defer b.session.release()
	if b.session.client == nil {
		return ""
	}
	open, err := b.session.client.GetSession()
	if err != nil {
		return ""
	}
	return open.ID
}

// GiveBack deletes a session that an earlier process was killed with. BMCs use addresses again, so that one
// which is another user's by now is left alone; our own is not given back by this.
func (b *BMC) GiveBack(ctx context.Context, uri string) error {
	if !strings.HasPrefix(uri, "/") {
		return nil // not of this BMC, or not an address
	}
	old, err := b.get(ctx, uri)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("give back a session that was left at %s: %w", b.target, err)
	case uri == b.Holds(ctx):
		return nil
	}
	user, _, err := b.opts.Credentials(ctx)
	if err != nil || kinds.Text(old.fields, "UserName") != user || !strings.HasPrefix(kinds.Text(old.fields, "@odata.type"), "#Session.") {
		return err // an account has a user's name, too
	}
	_, err = b.send(ctx, func(c *gofish.APIClient) (*http.Response, error) { return c.Delete(uri) })
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("give back a session that was left at %s: %w", b.target, err)
	}
	return nil
}

// Close gives the session back, which would last half an hour if forgotten; afterwards nothing is sent
// any more. It does so also when ctx is done, within a few seconds.
func (b *BMC) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTime)
	defer cancel()
	if err := b.session.acquire(ctx); err != nil {
		return err
	}
	defer b.session.release()
	b.session.closed = true
	return b.logout(ctx)
}

// logout deletes the session if there is one; that it ended by itself is as good. The caller holds the
// lock.
func (b *BMC) logout(ctx context.Context) error {
	client := b.session.client
	if client == nil {
		return nil
	}
	b.session.client = nil
	err := b.silence.check(b.opts.Now())
	if err == nil {
		open, _ := client.GetSession() // login has seen that there is one
		_, err = exchange(func() (*http.Response, error) { return client.WithContext(ctx).Delete(open.ID) })
		err = plain(err, whileWorking)
	}
	if err == nil || errors.Is(err, ErrUnauthorised) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return fmt.Errorf("give the session at %s back: %w", b.target, err)
}
