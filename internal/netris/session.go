package netris

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
)

// session is the one session of a client. The token channel is a lock that a waiting caller can give
// up when its context ends.
type session struct {
	token   chan struct{}
	open    bool
	number  int // counts logins, so that several requests that met one expiry renew it once
	refused [sha256.Size]byte
}

func newSession() session { return session{token: make(chan struct{}, 1)} }

// login returns the number of the open session, after opening one if there is none, or none but the one
// numbered ended. Credentials that were refused are not sent again until they change: a locked account
// helps nobody.
func (c *client) login(ctx context.Context, ended int) (int, error) {
	s := &c.session
	select {
	case s.token <- struct{}{}:
		defer func() { <-s.token }()
	case <-ctx.Done():
		return 0, fmt.Errorf("log in: %w", ctx.Err())
	}
	if s.open && s.number != ended {
		return s.number, nil
	}
	s.open = false
	user, password, err := c.options.Credentials(ctx)
	if err != nil {
		return 0, fmt.Errorf("log in: read the credentials: %w", err)
	}
	digest := sha256.Sum256([]byte(user + "\x00" + password))
	if digest == s.refused {
		return 0, fmt.Errorf("log in as %s: %w before; correct them, they are not tried again as they are", user, ErrUnauthorised)
	}
	// The vendor's client logs in so; scheme 1 is the controller's own user list. Which status a wrong
	// password gets is not documented, so that any plain refusal counts as one.
	_, err = c.send(ctx, http.MethodPost, "/api/auth", map[string]any{"user": user, "password": password, "auth_scheme_id": 1})
	if refusal, ok := errors.AsType[*Error](err); ok {
		switch refusal.Status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
			s.refused = digest
			return 0, fmt.Errorf("log in as %s: %w: %w", user, ErrUnauthorised, err)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("log in: %w", err)
	}
	s.open = true
	s.number++
	return s.number, nil
}
