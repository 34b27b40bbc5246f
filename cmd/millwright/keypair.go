package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// keyPair is a certificate with its key, from two files that somebody renews.
type keyPair struct {
	certificate, key string

	mu   sync.Mutex
	last *tls.Certificate
	at   [2]time.Time // when the files of the last were changed
}

func newKeyPair(certificate, key string) (*keyPair, error) {
	p := &keyPair{certificate: certificate, key: key}
	_, err := p.get(nil)
	return p, err
}

// get is the newest pair that fits together. While only one of the two files is new, the last one serves on.
func (p *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var at [2]time.Time
	for n, file := range []string{p.certificate, p.key} {
		if info, err := os.Stat(file); err == nil {
			at[n] = info.ModTime()
		}
	}
	if p.last != nil && at == p.at {
		return p.last, nil
	}
	pair, err := tls.LoadX509KeyPair(p.certificate, p.key)
	switch {
	case err == nil:
		p.last, p.at = &pair, at
	case p.last == nil:
		return nil, fmt.Errorf("read the certificate %s and its key %s: %w", p.certificate, p.key, err)
	}
	return p.last, nil
}
