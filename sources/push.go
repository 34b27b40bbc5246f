package sources

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/memory"
)

// Upstream is a remote repository that is pushed to. Its errors wrap those of this package, and show no secret.
type Upstream struct {
	opts Options
	at   address
}

// OpenUpstream checks the options; of them URL, Credentials, SSH, Transport, Timeout and MaxPack count. It does not
// ask the remote.
func OpenUpstream(opts Options) (*Upstream, error) {
	at, err := opts.complete()
	if err != nil {
		return nil, err
	}
	return &Upstream{opts, at}, nil
}

// String names the remote without any secret.
func (u *Upstream) String() string { return u.opts.URL }

// Tip is the commit that a ref, named in full, points to; "" if there is no such ref.
func (u *Upstream) Tip(ctx context.Context, ref string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, u.opts.Timeout)
	defer cancel()
	from, secrets, err := u.opts.connect(ctx, u.at)
	if err != nil {
		return "", err
	}
	defer from.close()
	have, err := from.refs(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return "", nil
	}
	if err != nil {
		return "", classify(err, ErrNotRepository, secrets)
	}
	if tip, ok := have.named[ref]; ok {
		return tip.String(), nil
	}
	return "", nil
}

// Fetch brings a commit that Tip has told of, with all that leads to it, into the bare repository in dir.
func (u *Upstream) Fetch(ctx context.Context, dir, ref, commit string) error {
	ctx, cancel := context.WithTimeout(ctx, u.opts.Timeout)
	defer cancel()
	from, secrets, err := u.opts.connect(ctx, u.at)
	if err != nil {
		return err
	}
	defer from.close()
	if _, err := from.refs(ctx); err != nil {
		return classify(err, ErrNotRepository, secrets)
	}
	into := bareStorage(dir)
	var haves []plumbing.Hash
	if here, err := into.Reference(plumbing.ReferenceName(ref)); err == nil {
		haves = append(haves, here.Hash())
	}
	var pack bytes.Buffer
	var known storer.EncodedObjectStorer = into
	if len(haves) == 0 {
		known = memory.NewStorage()
	}
	err = from.pack(ctx, &boundedWriter{w: &pack, left: u.opts.MaxPack, limit: u.opts.MaxPack}, []plumbing.Hash{plumbing.NewHash(commit)}, haves, known)
	if err != nil {
		return classify(err, ErrUnreachable, secrets)
	}
	if err := packfile.UpdateObjectStorage(into, &pack); err != nil && !errors.Is(err, packfile.ErrEmptyPackfile) {
		return classify(err, ErrDamaged, secrets)
	}
	return nil
}

func bareStorage(dir string) *filesystem.Storage {
	return filesystem.NewStorage(osfs.New(dir), cache.NewObjectLRU(objectCache))
}

// Push makes a ref, named in full, point to a commit of the bare repository in dir. The ref must still point to old,
// "" if it is not there yet, and the commit descend from old by first parents; it is never forced.
func (u *Upstream) Push(ctx context.Context, dir, ref, old, commit string) error {
	ctx, cancel := context.WithTimeout(ctx, u.opts.Timeout)
	defer cancel()
	from := bareStorage(dir)
	ids, err := between(&objects{mu: newLock(), storer: from}, plumbing.NewHash(old), plumbing.NewHash(commit))
	if err != nil {
		return err
	}
	change := &packp.Command{Name: plumbing.ReferenceName(ref), Old: plumbing.NewHash(old), New: plumbing.NewHash(commit)}
	if u.at.local != "" {
		return pushLocal(u.at.local, from, ids, change)
	}
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, from, false).Encode(ids, packWindow); err != nil {
		return fail(ErrDamaged, "what is to be pushed cannot be read: %s", cleanText(err.Error()))
	}
	to, secrets, err := u.receiver(ctx)
	if err != nil {
		return classify(err, ErrUnreachable, secrets)
	}
	defer to.close()
	return u.update(ctx, to, change, &pack, secrets)
}

// packWindow is among how many objects go-git looks for one to tell another's difference from.
const packWindow = 10

// update sends one change of a ref, if it is where it should be, and reads what became of it.
func (u *Upstream) update(ctx context.Context, to receiver, change *packp.Command, pack io.Reader, secrets []string) error {
	adv, err := to.advertised(ctx)
	if err != nil {
		return classify(err, ErrNotRepository, secrets)
	}
	if is := adv.References[change.Name.String()]; is != change.Old {
		return moved(change, is)
	}
	req := packp.NewReferenceUpdateRequestFromCapabilities(adv.Capabilities)
	var said complaint
	req.Progress = &said
	for _, c := range []capability.Capability{capability.Sideband64k, capability.OFSDelta} {
		if adv.Capabilities.Supports(c) {
			if err := req.Capabilities.Set(c); err != nil {
				return err
			}
		}
	}
	if !req.Capabilities.Supports(capability.ReportStatus) {
		return fail(ErrNotRepository, "the remote does not report what became of a push, so that nobody could know")
	}
	req.Commands, req.Packfile = []*packp.Command{change}, io.NopCloser(pack)
	status, err := to.receive(ctx, req)
	if status == nil && err == nil {
		err = errors.New("the remote said nothing")
	}
	if status == nil {
		return classify(err, ErrUnreachable, secrets)
	}
	if err := status.Error(); err != nil {
		text := strings.Join(strings.Fields(err.Error()+" "+said.text()), " ")
		return fail(ErrRefused, "%s", cleanText(text, secrets...))
	}
	for _, s := range status.CommandStatuses {
		if s.ReferenceName == change.Name {
			return nil
		}
	}
	return fail(ErrUnreachable, "the remote did not say what became of %s", change.Name)
}

func moved(change *packp.Command, is plumbing.Hash) error {
	return fail(ErrRefused, "%s is at %s and not at %s any more: somebody else pushed to it", change.Name, is, change.Old)
}

// receiver is the other end of one push.
type receiver interface {
	advertised(context.Context) (*packp.AdvRefs, error)
	// receive returns what the other end reported, also where that is a refusal; no report is nil.
	receive(context.Context, *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error)
	close()
}

func (u *Upstream) receiver(ctx context.Context) (to receiver, secrets []string, err error) {
	if u.at.ssh != (sshAddress{}) {
		to, err = newSSHRemote(ctx, u.at.ssh, u.opts.SSH, receivePack, u.opts.MaxPack)
		return to, nil, err
	}
	c, err := u.opts.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	endpoint, err := transport.NewEndpoint(u.opts.URL)
	if err != nil {
		return nil, c.secrets(), err
	}
	client := &http.Client{Transport: boundedTransport{u.opts.Transport, u.opts.MaxPack}}
	session, err := githttp.NewClient(client).NewReceivePackSession(endpoint, c.auth())
	return httpReceiver{session}, c.secrets(), err
}

type httpReceiver struct{ session transport.ReceivePackSession }

func (r httpReceiver) advertised(ctx context.Context) (*packp.AdvRefs, error) {
	return r.session.AdvertisedReferencesContext(ctx)
}

func (r httpReceiver) receive(ctx context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	return r.session.ReceivePack(ctx, req)
}

func (r httpReceiver) close() {}

func (r *sshRemote) advertised(context.Context) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	if err := adv.Decode(r.out); err != nil && !errors.Is(err, packp.ErrEmptyAdvRefs) {
		return nil, r.explain(err)
	}
	transport.FilterUnsupportedCapabilities(adv.Capabilities)
	return adv, nil
}

func (r *sshRemote) receive(_ context.Context, req *packp.ReferenceUpdateRequest) (*packp.ReportStatus, error) {
	if err := req.Encode(r.in); err != nil {
		return nil, r.explain(err)
	}
	var answer io.Reader = r.out
	if req.Capabilities.Supports(capability.Sideband64k) {
		d := sideband.NewDemuxer(sideband.Sideband64k, r.out)
		d.Progress = req.Progress
		answer = d
	}
	status := packp.NewReportStatus()
	if err := status.Decode(answer); err != nil {
		return nil, r.explain(err)
	}
	return status, nil
}
