package inventory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	client "k8s.io/client-go/kubernetes/typed/core/v1"

	"millwright.dev/millwright/internal/wholefile"
)

// Notes keeps texts by their names where a Store keeps its memory, until they are dropped. Its methods are safe
// for concurrent use; only one process at a time may write.
type Notes interface {
	// Put writes a note, or replaces it, durably and as a whole.
	Put(ctx context.Context, name string, text []byte) error
	// All are the notes that are there, by name. One that cannot be read whole is an error.
	All(ctx context.Context) (map[string][]byte, error)
	// Drop removes a note; it is no error if there is none.
	Drop(ctx context.Context, name string) error
}

// FileNotes keeps notes in a folder, one file each, which is made when it is first written to.
func FileNotes(dir string) Notes { return &fileNotes{files{dir: dir}} }

type fileNotes struct{ files }

const noteSuffix = ".note"

func (n *fileNotes) path(name string) string {
	return filepath.Join(n.dir, url.PathEscape(name)+noteSuffix)
}

func (n *fileNotes) Put(_ context.Context, name string, text []byte) error {
	if err := wholefile.Write(n.path(name), text); err != nil {
		return fmt.Errorf("write the note %s: %w", name, err)
	}
	return nil
}

func (n *fileNotes) All(context.Context) (map[string][]byte, error) {
	entries, err := os.ReadDir(n.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the notes: %w", err)
	}
	all := map[string][]byte{}
	for _, e := range entries {
		escaped, ok := strings.CutSuffix(e.Name(), noteSuffix)
		if !ok {
			continue
		}
		name, err := url.PathUnescape(escaped)
		if err != nil {
			return nil, fmt.Errorf("list the notes: %s is none of them", filepath.Join(n.dir, e.Name()))
		}
		if all[name], err = n.read(n.path(name)); err != nil {
			return nil, fmt.Errorf("read the note %s: %w", name, err)
		}
	}
	return all, nil
}

func (n *fileNotes) Drop(_ context.Context, name string) error {
	if err := wholefile.Remove(n.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop the note %s: %w", name, err)
	}
	return nil
}

// ConfigMapNotes keeps notes in a namespace, which must exist, in the form in which [ConfigMaps] keeps memories.
func ConfigMapNotes(c client.ConfigMapsGetter, namespace string) Notes {
	return &configMapNotes{configMaps: configMaps{maps: c.ConfigMaps(namespace), chunk: chunkMax}, heads: map[string]*head{}}
}

const noteAnnotation = "millwright.dev/note"

type configMapNotes struct {
	configMaps
	heads map[string]*head // as last written or read, by the note's name; guarded by mu
}

func (n *configMapNotes) Put(ctx context.Context, name string, text []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.heads[name]
	if old == nil { // most are new, so that looking first would be one request too many
		old = &head{name: nameOf("note", name)}
	}
	if text == nil {
		text = []byte{}
	}
	of := tag{"note", noteAnnotation, name}
	now, err := n.replace(ctx, of, old, text)
	if err != nil {
		// Perhaps it was there, or only the answer was lost.
		var is *head
		if is, err = n.lookAgain(ctx, old, err); err == nil && is.digest == digest(text) {
			now = is
		} else if err == nil {
			now, err = n.replace(ctx, of, is, text)
		}
	}
	if err != nil {
		delete(n.heads, name)
		return fmt.Errorf("write the note %s: %w", name, err)
	}
	n.heads[name] = now
	return nil
}

// lookAgain is what stands where a note was to be written, if another try may help.
func (n *configMapNotes) lookAgain(ctx context.Context, old *head, failed error) (*head, error) {
	is, err := n.head(ctx, old.name)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	if is.version == old.version {
		return nil, failed
	}
	return is, nil
}

func (n *configMapNotes) All(ctx context.Context) (map[string][]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	list, err := n.maps.List(ctx, metav1.ListOptions{LabelSelector: memoryLabel + "=note"})
	if err != nil {
		return nil, fmt.Errorf("list the notes: %w", err)
	}
	all := map[string][]byte{}
	for i := range list.Items {
		m := &list.Items[i]
		name := m.Annotations[noteAnnotation]
		h, err := headOf(m)
		if err == nil && m.Name != nameOf("note", name) {
			err = errors.New("it does not say which note it is")
		}
		if err == nil {
			all[name], err = n.content(ctx, h)
		}
		if err != nil {
			return nil, fmt.Errorf("read the note in ConfigMap %s: %w", m.Name, err)
		}
		n.heads[name] = h
	}
	return all, nil
}

func (n *configMapNotes) Drop(ctx context.Context, name string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	object, known := nameOf("note", name), n.heads[name]
	delete(n.heads, name)
	err := n.maps.Delete(ctx, object, metav1.DeleteOptions{})
	if whole := known != nil && known.chunks == 0; !whole && (err == nil || apierrors.IsNotFound(err)) {
		err = n.sweep(ctx, object, "")
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("drop the note %s: %w", name, err)
	}
	return nil
}
