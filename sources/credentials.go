package sources

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// Credentials authenticate at an http(s) remote: a Token as bearer, else Username and Password as
// basic authentication (forges such as GitHub and GitLab take their tokens as the password). The
// zero value sends none. However it is printed, it shows nothing.
type Credentials struct {
	Username string
	Password string
	Token    string
}

// CredentialsFunc is asked before every fetch, so that a rotated secret is taken up at once and none
// is kept.
type CredentialsFunc func(context.Context) (Credentials, error)

// Format prints c as a placeholder under every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "(redacted)") }

// MarshalText encodes c as the same placeholder.
func (c Credentials) MarshalText() ([]byte, error) { return []byte("(redacted)"), nil }

func (c Credentials) auth() transport.AuthMethod {
	switch {
	case c.Token != "":
		return &githttp.TokenAuth{Token: c.Token}
	case c.Username != "" || c.Password != "":
		return &githttp.BasicAuth{Username: c.Username, Password: c.Password}
	}
	return nil
}

// secrets lists every form in which an echo of the request could show c, longest first.
func (c Credentials) secrets() []string {
	var forms []string
	if c.Password != "" {
		pair := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
		forms = append(forms, pair, url.QueryEscape(c.Password), url.PathEscape(c.Password), strings.Trim(strconv.Quote(c.Password), `"`), c.Password)
	}
	if c.Token != "" {
		forms = append(forms, url.QueryEscape(c.Token), c.Token)
	}
	return forms
}
