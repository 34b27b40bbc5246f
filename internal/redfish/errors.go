package redfish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/stmcginnis/gofish/schemas"
)

// What a BMC's failure means to us.
var (
	// ErrUnreachable: no answer came, or one of a BMC that cannot work now, or none that is Redfish's.
	// What was sent may have taken effect.
	ErrUnreachable = errors.New("no answer")
	// ErrUnauthorised: the credentials were refused; they are not tried again until they change.
	ErrUnauthorised = errors.New("credentials refused")
	// ErrRefused: the BMC understood and said no.
	ErrRefused = errors.New("refused")
	// ErrNotFound: the BMC has no such resource.
	ErrNotFound = errors.New("no such resource")
)

// errChanged: the resource is no longer as it was when we read it, so nothing was written.
var errChanged = fmt.Errorf("%w: somebody else changed it in between", ErrRefused)

// phase tells requests that carry a password from all others.
type phase bool

const (
	whileLoggingIn phase = true
	whileWorking   phase = false
)

// maxWords bounds what is quoted of a BMC's reasons, in bytes.
const maxWords = 600

// plain is an error without the raw answer, which may echo what was sent: the status and the BMC's
// reasons, of which a login's are quoted by their registry names only.
func plain(err error, p phase) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	refusal, ok := errors.AsType[*schemas.Error](err)
	if !ok || refusal.HTTPReturnedStatusCode == 0 {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	kind := ErrRefused
	switch status := refusal.HTTPReturnedStatusCode; {
	case status == http.StatusUnauthorized,
		p == whileLoggingIn && (status == http.StatusBadRequest || status == http.StatusForbidden):
		kind = ErrUnauthorised // wrong passwords are answered 400, too (Redfish-Service-Validator#207)
	case status == http.StatusNotFound:
		kind = ErrNotFound
	case status == http.StatusPreconditionFailed:
		kind = errChanged
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		kind = ErrUnreachable
	}
	return fmt.Errorf("%w: status %d%s", kind, refusal.HTTPReturnedStatusCode, reasons(refusal, p))
}

// reasons are what a BMC gave as reasons, fit for one line of a log.
func reasons(refusal *schemas.Error, p phase) string {
	infos := refusal.ExtendedInfos
	if len(infos) == 0 && refusal.Code != "" {
		infos = []schemas.ErrExtendedInfo{{MessageID: refusal.Code, Message: refusal.Message}}
	}
	var words strings.Builder
	for _, info := range infos {
		if p == whileWorking {
			words.WriteString("; " + info.MessageID + " " + info.Message)
		} else if isName(info.MessageID) {
			words.WriteString("; " + info.MessageID)
		}
	}
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, words.String())
	if len(printable) > maxWords {
		printable = strings.ToValidUTF8(printable[:maxWords], "") + "…"
	}
	return printable
}

// isName: a message's name in a registry, as "Base.1.18.GeneralError", and nothing that could be more.
func isName(s string) bool {
	return strings.Count(s, ".") >= 2 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}
