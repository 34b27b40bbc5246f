package sources

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"golang.org/x/crypto/ssh"
)

// The programs at the other end.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// sshRemote speaks Git's protocol with a git-upload-pack or git-receive-pack at the other end of an ssh session. go-git's own
// ssh client is not used: its handshake has no deadline, its answers no bound, and it reads the ssh
// configuration of whoever runs it.
type sshRemote struct {
	ctx       context.Context // of the one fetch, which its connection ends with
	client    *ssh.Client
	stop      func() bool
	session   *ssh.Session
	in        io.WriteCloser
	out       io.Reader
	complaint complaint
	caps      *capability.List
}

func newSSHRemote(ctx context.Context, at sshAddress, how SSH, program string, maxBytes int64) (*sshRemote, error) {
	client, stop, err := how.dial(ctx, at)
	if err != nil {
		return nil, err
	}
	r := &sshRemote{ctx: ctx, client: client, stop: stop}
	if err := r.start(program, at.path, maxBytes); err != nil {
		err = r.explain(err)
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *sshRemote) start(program, path string, maxBytes int64) error {
	var err error
	if r.session, err = r.client.NewSession(); err != nil {
		return err
	}
	if r.in, err = r.session.StdinPipe(); err != nil {
		return err
	}
	out, err := r.session.StdoutPipe()
	if err != nil {
		return err
	}
	r.out = &boundedBody{ReadCloser: io.NopCloser(out), left: maxBytes, limit: maxBytes}
	r.session.Stderr = &r.complaint
	return r.session.Start(program + " " + shellQuote(path))
}

// shellQuote makes one word of a path for the shell at the other end.
func shellQuote(path string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// close takes leave first, so that the other end's log shows no broken session.
func (r *sshRemote) close() {
	if r.in != nil {
		_ = pktline.NewEncoder(r.in).Flush()
	}
	r.stop()
	_ = r.client.Close()
}

// lastWords is how long a session that broke off may take to say why.
const lastWords = 5 * time.Second

// explain says what the other end said, where it broke off with a complaint.
func (r *sshRemote) explain(err error) error {
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if own := (*failure)(nil); errors.As(err, &own) {
		return own
	}
	if r.in != nil { // the complaint may still be on its way
		_ = r.in.Close()
		patience := time.AfterFunc(lastWords, func() { _ = r.client.Close() })
		_ = r.session.Wait()
		patience.Stop()
	}
	if said := r.complaint.text(); said != "" {
		return fail(ErrNotRepository, "a wrong path, or one that this key may not see: %s", cleanText(said))
	}
	return fail(ErrUnreachable, "the session broke off: %s", cleanText(err.Error()))
}

func (r *sshRemote) refs(context.Context) (refs, error) {
	adv := packp.NewAdvRefs()
	err := adv.Decode(r.out)
	if errors.Is(err, packp.ErrEmptyAdvRefs) {
		return refs{}, transport.ErrEmptyRemoteRepository
	}
	if err != nil {
		return refs{}, r.explain(err)
	}
	transport.FilterUnsupportedCapabilities(adv.Capabilities)
	r.caps = adv.Capabilities
	return refsOf(adv), nil
}

func (r *sshRemote) pack(_ context.Context, w io.Writer, wants, haves []plumbing.Hash, _ storer.EncodedObjectStorer) error {
	req, err := uploadRequest(r.caps, wants, haves)
	if err != nil {
		return err
	}
	err = req.UploadRequest.Encode(r.in)
	if err == nil {
		err = req.UploadHaves.Encode(r.in, false)
	}
	if err == nil {
		err = pktline.NewEncoder(r.in).Encodef("done\n")
	}
	resp := packp.NewUploadPackResponse(req)
	if err == nil {
		err = resp.Decode(io.NopCloser(r.out))
	}
	if err == nil {
		err = copyPack(w, req, resp)
	}
	if err != nil {
		return r.explain(err)
	}
	return nil
}

// complaint keeps the beginning of what the other end wrote to its standard error.
type complaint struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

func (c *complaint) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Write(p[:min(len(p), max(0, maxErrorBody-c.kept.Len()))])
	return len(p), nil
}

func (c *complaint) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.String()
}
