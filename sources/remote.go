package sources

import (
	"context"
	"io"
	"net/http"
	"os"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/revlist"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

// remote is a repository to fetch from, for the length of one fetch.
type remote interface {
	// refs lists what the remote has.
	refs(ctx context.Context) (refs, error)
	// pack writes a pack of everything that wants lead to and haves do not. In known are the
	// objects of haves.
	pack(ctx context.Context, w io.Writer, wants, haves []plumbing.Hash, known storer.EncodedObjectStorer) error
	// close ends the fetch.
	close()
}

// httpRemote speaks Git's smart HTTP protocol. go-git's own Remote is not used because its HTTP
// client is one for the whole process, and its answers cannot be bounded.
type httpRemote struct {
	session transport.UploadPackSession
	caps    *capability.List
}

func newHTTPRemote(url string, c Credentials, rt http.RoundTripper, maxBytes int64) (*httpRemote, error) {
	endpoint, err := transport.NewEndpoint(url)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: boundedTransport{rt, maxBytes}}
	session, err := githttp.NewClient(client).NewUploadPackSession(endpoint, c.auth())
	if err != nil {
		return nil, err
	}
	return &httpRemote{session: session}, nil
}

func (r *httpRemote) refs(ctx context.Context) (refs, error) {
	adv, err := r.session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return refs{}, err
	}
	r.caps = adv.Capabilities
	return refsOf(adv), nil
}

func refsOf(adv *packp.AdvRefs) refs {
	out := refs{
		named: adv.References,
		anyCommit: adv.Capabilities.Supports(capability.AllowReachableSHA1InWant) ||
			adv.Capabilities.Supports(capability.Capability("allow-any-sha1-in-want")),
	}
	if adv.Head != nil {
		out.head = *adv.Head
	}
	return out
}

func (r *httpRemote) pack(ctx context.Context, w io.Writer, wants, haves []plumbing.Hash, _ storer.EncodedObjectStorer) error {
	req, err := uploadRequest(r.caps, wants, haves)
	if err != nil {
		return err
	}
	resp, err := r.session.UploadPack(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Close() }()
	return copyPack(w, req, resp)
}

func (r *httpRemote) close() {} // its connections belong to the transport

func uploadRequest(caps *capability.List, wants, haves []plumbing.Hash) (*packp.UploadPackRequest, error) {
	req := packp.NewUploadPackRequestFromCapabilities(caps)
	if caps.Supports(capability.NoProgress) {
		if err := req.Capabilities.Set(capability.NoProgress); err != nil {
			return nil, err
		}
	}
	req.Wants, req.Haves = wants, haves
	return req, nil
}

// copyPack writes the pack of an answer, which may share its stream with the remote's talk.
func copyPack(w io.Writer, req *packp.UploadPackRequest, resp io.Reader) error {
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		resp = sideband.NewDemuxer(sideband.Sideband64k, resp)
	case req.Capabilities.Supports(capability.Sideband):
		resp = sideband.NewDemuxer(sideband.Sideband, resp)
	}
	_, err := io.Copy(w, resp)
	return err
}

// boundedTransport ends every answer after max bytes, and an error's sooner: go-git reads answers whole.
type boundedTransport struct {
	next http.RoundTripper
	max  int64
}

// maxErrorBody is more than any server's explanation needs, in bytes.
const maxErrorBody = 64 << 10

func (b boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	limit := b.max
	if resp.StatusCode >= 300 {
		limit = min(limit, maxErrorBody)
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: limit, limit: limit}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left, limit int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fail(ErrTooLarge, "the remote's answer is more than %d bytes", b.limit)
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// localRemote is a repository on this machine, bare or a worktree's. It is read without running git.
type localRemote struct{ repo *git.Repository }

func newLocalRemote(dir string) (*localRemote, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fail(ErrUnreachable, "%s", cleanText(err.Error()))
	}
	repo, err := openLocal(dir)
	if err != nil {
		return nil, fail(ErrNotRepository, "%s: %s", dir, cleanText(err.Error()))
	}
	return &localRemote{repo}, nil
}

func (r *localRemote) refs(context.Context) (refs, error) {
	out := refs{named: map[string]plumbing.Hash{}, anyCommit: true}
	iter, err := r.repo.Storer.IterReferences()
	if err != nil {
		return refs{}, err
	}
	err = iter.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() == plumbing.HashReference && ref.Name() != plumbing.HEAD {
			out.named[ref.Name().String()] = ref.Hash()
		}
		return nil
	})
	if head, headErr := r.repo.Head(); headErr == nil {
		out.head = head.Hash()
	}
	return out, err
}

func (r *localRemote) close() {}

func (r *localRemote) pack(ctx context.Context, w io.Writer, wants, haves []plumbing.Hash, known storer.EncodedObjectStorer) error {
	if len(wants) == 1 && !objectsOf(r.repo).has(wants[0]) {
		return fail(ErrRefNotFound, "no commit %s there", wants[0])
	}
	ids, err := revlist.ObjectsWithStorageForIgnores(r.repo.Storer, known, wants, haves)
	if err != nil {
		return err
	}
	// A window of 0 spends no time on deltas, which only a network repays.
	_, err = packfile.NewEncoder(contextWriter{ctx, w}, r.repo.Storer, false).Encode(ids, 0)
	return err
}

type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}
