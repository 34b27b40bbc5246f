package sources

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// classify turns what go-git, net/http or the disk returned into one of this package's errors, its
// text without the secrets. An error that is none of those known becomes otherwise.
func classify(err error, otherwise error, secrets []string) error {
	err = unwrapGoGit(err)
	if own := (*failure)(nil); errors.As(err, &own) {
		return own
	}
	text := cleanText(err.Error(), secrets...)
	kind := otherwise
	var (
		status *githttp.Err
		webErr *url.Error
		netErr net.Error
		path   *fs.PathError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{kind: ErrUnreachable, detail: "no answer in time: " + text, cause: context.DeadlineExceeded}
	case errors.Is(err, context.Canceled):
		return &failure{kind: ErrUnreachable, detail: text, cause: context.Canceled}
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		kind = ErrUnauthorized
		if len(secrets) == 0 {
			text = "the remote wants credentials and none are configured: " + text
		} else {
			text = "the remote does not accept the credentials: " + text
		}
	case errors.Is(err, transport.ErrRepositoryNotFound):
		kind, text = ErrNotRepository, "a wrong URL, or one that these credentials may not see: "+text
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		kind, text = ErrEmpty, "push a first commit"
	case strings.Contains(text, "not our ref"):
		kind = ErrRefNotFound
	case errors.Is(err, plumbing.ErrObjectNotFound):
		kind, text = ErrDamaged, "the remote lacks an object; is it a shallow clone?"
	case errors.As(err, &status):
		if isServersFault(status.StatusCode()) {
			kind = ErrUnreachable
		}
	case errors.As(err, &webErr), errors.As(err, &netErr), errors.Is(err, io.ErrUnexpectedEOF):
		kind = ErrUnreachable
	case errors.As(err, &path):
		kind = ErrCache
	}
	return &failure{kind: kind, detail: text}
}

// isServersFault tells an answer that may be another one later from one that will not change.
func isServersFault(status int) bool {
	switch status {
	case http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// unwrapGoGit reaches through the two wrappers of go-git that do not unwrap themselves.
func unwrapGoGit(err error) error {
	for {
		var unexpected *plumbing.UnexpectedError
		var permanent *plumbing.PermanentError
		switch {
		case errors.As(err, &unexpected):
			err = unexpected.Err
		case errors.As(err, &permanent):
			err = permanent.Err
		default:
			return err
		}
	}
}
