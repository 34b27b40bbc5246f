package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// Limits that hold where Options name none.
const (
	DefaultTimeout = 5 * time.Minute
	DefaultMaxPack = 1 << 30  // bytes
	DefaultMaxFile = 16 << 20 // bytes
)

// Options say which commit of which repository, and how to get at it.
type Options struct {
	// URL is an https (or http) URL without credentials, an ssh one (ssh://git@host/path, or
	// git@host:path), or the path or file URL of a local repository, bare or a worktree.
	URL string
	// Ref is a branch, a tag, either with or without its refs/ prefix, or a full commit hash; empty
	// is the remote's default branch. A commit once fetched is not asked for again.
	Ref string
	// Path is the directory that becomes the root of the snapshot; empty is the repository's.
	Path string
	// Credentials are asked for before every fetch over http(s); nil sends none. They never go over
	// plain http, except to this machine.
	Credentials CredentialsFunc
	// SSH is what an ssh remote needs, and no other.
	SSH SSH
	// Signatures are whose signatures count, and what must bear one; the zero value asks for none.
	Signatures Signatures
	// Dir is a cache directory of this source's own, used by one process at a time. It makes a
	// restart start from the last good commit. Empty keeps everything in memory.
	Dir string
	// Transport carries http(s); nil is http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Timeout bounds one fetch, whatever its context allows.
	Timeout time.Duration
	// MaxPack bounds what one fetch may transfer, MaxFile a file that the snapshot opens, in bytes.
	MaxPack, MaxFile int64
}

// address is where a repository is: an http(s) URL where both are empty.
type address struct {
	local string // a path on this machine
	ssh   sshAddress
}

// complete fills in defaults and reports the first option that cannot work.
func (o *Options) complete() (at address, err error) {
	var isSSH bool
	if at.ssh, isSSH, err = parseSSH(o.URL); isSSH && err == nil {
		err = o.SSH.check()
	}
	if err != nil {
		return address{}, err
	}
	if !isSSH {
		if at.local, err = checkURL(o.URL, o.Credentials != nil); err != nil {
			return address{}, err
		}
	}
	if at.local != "" {
		o.URL = at.local
	}
	if len(o.Ref) > 255 || strings.Contains(o.Ref, "..") || strings.ContainsFunc(o.Ref, notInRef) {
		return address{}, fmt.Errorf("ref %q is no branch, tag or commit hash", o.Ref)
	}
	if o.Path = path.Clean(o.Path); !fs.ValidPath(o.Path) {
		return address{}, fmt.Errorf("path %q is no directory inside the repository", o.Path)
	}
	if o.Dir != "" {
		if o.Dir, err = filepath.Abs(o.Dir); err != nil {
			return address{}, err
		}
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxPack <= 0 {
		o.MaxPack = DefaultMaxPack
	}
	if o.MaxFile <= 0 {
		o.MaxFile = DefaultMaxFile
	}
	return at, nil
}

func notInRef(r rune) bool {
	return !unicode.IsPrint(r) || strings.ContainsRune(` ~^:?*[\`, r)
}

var errURLForm = errors.New("use https://host/path.git, ssh://git@host/path.git, or the path of a local repository")

// checkURL never repeats a URL that may hold a secret.
func checkURL(raw string, credentials bool) (local string, err error) {
	if raw == "" {
		return "", fmt.Errorf("no URL: %w", errURLForm)
	}
	if !strings.Contains(raw, "://") {
		return filepath.Abs(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("the URL is malformed: %w", errURLForm)
	}
	switch {
	case u.User != nil:
		return "", errors.New("the URL holds credentials; take them out and give them as credentials")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("the URL has a query or a fragment: %w", errURLForm)
	case u.Scheme == "file" && (u.Host == "" || u.Host == "localhost"):
		return filepath.Abs(filepath.FromSlash(u.Path))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("%s:// is not supported: %w", u.Scheme, errURLForm)
	case u.Scheme == "http" && credentials && !isLoopback(u.Hostname()):
		return "", fmt.Errorf("credentials would go to %s in the clear; use https", u.Host)
	}
	return "", nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
