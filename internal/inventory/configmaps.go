package inventory

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	client "k8s.io/client-go/kubernetes/typed/core/v1"

	"millwright.dev/millwright/internal/state"
)

// A memory is gzipped JSON. While it is small it lies in one ConfigMap, the head; else in chunks that
// the head names by their generation. A new generation is written chunk by chunk, then the head is
// changed, then the old chunks are deleted: wherever that stops, the head names a complete generation.
const (
	chunkMax = 512 << 10 // of the 1 MiB that an object may have

	memoryLabel      = "millwright.dev/memory" // "head", "chunk", "commit" or "note"
	headLabel        = "millwright.dev/memory-of"
	targetAnnotation = "millwright.dev/target"
	fieldManager     = "millwright-memory"

	keyContent    = "memory.json.gz" // in binaryData of a chunk, and of a head without chunks
	keyDigest     = "digest"
	keyChunks     = "chunks"
	keyGeneration = "generation"
	keyCommit     = "commit"
)

// ConfigMaps is a Store in a namespace, which must exist.
func ConfigMaps(c client.ConfigMapsGetter, namespace string) Store {
	return &configMaps{maps: c.ConfigMaps(namespace), chunk: chunkMax, seen: map[state.Target]*head{}}
}

type configMaps struct {
	maps  client.ConfigMapInterface
	chunk int

	mu   sync.Mutex
	seen map[state.Target]*head // as last loaded or saved
}

// head is what a head ConfigMap says. A target without one has the zero head.
type head struct {
	name, uid, version string
	digest, generation string
	chunks             int
	inline             []byte
}

func (s *configMaps) Load(ctx context.Context, t state.Target) (Memory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for try := 1; ; try++ {
		h, err := s.head(ctx, nameOf("target", t.String()))
		if err != nil {
			return Memory{}, fmt.Errorf("load the memory of %s: %w", t, err)
		}
		var m Memory
		content, err := s.content(ctx, h)
		if err == nil && content != nil {
			m, err = decode(t, content)
		}
		if apierrors.IsNotFound(err) && try < 3 {
			continue // somebody may just have replaced this generation
		}
		if err != nil {
			return Memory{}, fmt.Errorf("load the memory of %s from ConfigMap %s: %w", t, h.name, err)
		}
		s.seen[t] = h
		return m, nil
	}
}

func (s *configMaps) Save(ctx context.Context, t state.Target, m Memory) error {
	content, err := encode(t, m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.seen[t]
	if old == nil {
		if old, err = s.head(ctx, nameOf("target", t.String())); err != nil {
			return fmt.Errorf("save the memory of %s: %w", t, err)
		}
	}
	if old.digest == digest(content) {
		s.seen[t] = old
		return nil
	}
	now, err := s.replace(ctx, tag{"head", targetAnnotation, t.String()}, old, content)
	if err != nil {
		// Perhaps only the answer was lost, or what came after the head was changed.
		if now, err2 := s.head(ctx, old.name); err2 == nil && now.digest == digest(content) {
			s.seen[t] = now
			return nil
		}
		s.seen[t] = old // so that a second try fails, too, until somebody has looked
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || (apierrors.IsNotFound(err) && old.version != "") {
			err = fmt.Errorf("%w: %w", ErrChanged, err)
		}
		return fmt.Errorf("save the memory of %s: %w", t, err)
	}
	s.seen[t] = now
	return nil
}

// tag is what a head says of itself: which kind it is, and of what.
type tag struct{ kind, annotation, value string }

// replace writes content beside what old says, makes it the one that counts, and clears up.
func (s *configMaps) replace(ctx context.Context, of tag, old *head, content []byte) (*head, error) {
	if content == nil {
		if err := s.maps.Delete(ctx, old.name, old.only()); err != nil {
			return nil, err
		}
		return &head{name: old.name}, s.sweep(ctx, old.name, "")
	}
	packed, err := pack(content)
	if err != nil {
		return nil, err
	}
	now := &head{name: old.name, digest: digest(content), inline: packed}
	if len(packed) > s.chunk {
		now.generation, now.inline = strings.ToLower(rand.Text()[:10]), nil
		for piece := range slices.Chunk(packed, s.chunk) {
			if _, err := s.maps.Create(ctx, now.chunkMap(now.chunks, piece), metav1.CreateOptions{FieldManager: fieldManager}); err != nil {
				return nil, err
			}
			now.chunks++
		}
	}
	written, err := s.writeHead(ctx, of, old, now)
	if err != nil {
		return nil, err
	}
	now.uid, now.version, now.inline = string(written.UID), written.ResourceVersion, nil
	if old.chunks == 0 && now.chunks == 0 {
		return now, nil
	}
	return now, s.sweep(ctx, now.name, now.generation)
}

func (s *configMaps) writeHead(ctx context.Context, of tag, old, now *head) (*corev1.ConfigMap, error) {
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: now.name, UID: types.UID(old.uid), ResourceVersion: old.version,
			Labels:      map[string]string{memoryLabel: of.kind},
			Annotations: map[string]string{of.annotation: of.value},
		},
		Data: map[string]string{keyDigest: now.digest, keyChunks: strconv.Itoa(now.chunks), keyGeneration: now.generation},
	}
	if now.chunks == 0 {
		m.BinaryData = map[string][]byte{keyContent: now.inline}
	}
	if old.version == "" {
		return s.maps.Create(ctx, m, metav1.CreateOptions{FieldManager: fieldManager})
	}
	return s.maps.Update(ctx, m, metav1.UpdateOptions{FieldManager: fieldManager})
}

// sweep deletes the chunks of all generations but one, also those that a crash has left.
func (s *configMaps) sweep(ctx context.Context, name, keep string) error {
	list, err := s.maps.List(ctx, metav1.ListOptions{LabelSelector: headLabel + "=" + name})
	if err != nil {
		return err
	}
	for _, m := range list.Items {
		if keep != "" && m.Data[keyGeneration] == keep {
			continue
		}
		if err := s.maps.Delete(ctx, m.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// head reads the head of that name.
func (s *configMaps) head(ctx context.Context, name string) (*head, error) {
	m, err := s.maps.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return &head{name: name}, nil
	}
	if err != nil {
		return nil, err
	}
	return headOf(m)
}

func headOf(m *corev1.ConfigMap) (*head, error) {
	h := &head{
		name: m.Name, uid: string(m.UID), version: m.ResourceVersion,
		digest: m.Data[keyDigest], generation: m.Data[keyGeneration], inline: m.BinaryData[keyContent],
	}
	var err error
	if h.chunks, err = strconv.Atoi(m.Data[keyChunks]); err != nil || h.digest == "" {
		return nil, fmt.Errorf("ConfigMap %s is damaged: it has no digest or no number of chunks", m.Name)
	}
	return h, nil
}

// content puts together what a head names; nil if there is nothing.
func (s *configMaps) content(ctx context.Context, h *head) ([]byte, error) {
	if h.version == "" {
		return nil, nil
	}
	packed := h.inline
	for i := range h.chunks {
		m, err := s.maps.Get(ctx, h.chunkName(i), metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		packed = append(packed, m.BinaryData[keyContent]...)
	}
	content, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	if digest(content) != h.digest {
		return nil, errors.New("it is damaged: its content has another digest")
	}
	return content, nil
}

func (h *head) only() metav1.DeleteOptions {
	uid := types.UID(h.uid)
	return metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &h.version}}
}

func (h *head) chunkName(i int) string { return fmt.Sprintf("%s.%s.%d", h.name, h.generation, i) }

func (h *head) chunkMap(i int, piece []byte) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name: h.chunkName(i), Labels: map[string]string{memoryLabel: "chunk", headLabel: h.name},
		},
		Data:       map[string]string{keyGeneration: h.generation},
		BinaryData: map[string][]byte{keyContent: piece},
	}
}

func (s *configMaps) Targets(ctx context.Context) ([]state.Target, error) {
	list, err := s.maps.List(ctx, metav1.ListOptions{LabelSelector: memoryLabel + "=head"})
	if err != nil {
		return nil, fmt.Errorf("list what is remembered: %w", err)
	}
	var targets []state.Target
	for _, m := range list.Items {
		system, name, ok := strings.Cut(m.Annotations[targetAnnotation], "/")
		if !ok {
			return nil, fmt.Errorf("list what is remembered: ConfigMap %s does not say of which target", m.Name)
		}
		targets = append(targets, state.Target{System: state.System(system), Name: name})
	}
	slices.SortFunc(targets, state.Target.Compare)
	return targets, nil
}

func (s *configMaps) LastGood(ctx context.Context, fleet string) (string, error) {
	m, err := s.maps.Get(ctx, nameOf("fleet", fleet), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("load the last good commit of fleet %s: %w", fleet, err)
	}
	return m.Data[keyCommit], nil
}

func (s *configMaps) SetLastGood(ctx context.Context, fleet, commit string) error {
	now, err := s.LastGood(ctx, fleet)
	if err == nil && now != commit {
		m := &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: nameOf("fleet", fleet), Labels: map[string]string{memoryLabel: "commit"}},
			Data:       map[string]string{keyCommit: commit},
		}
		if now == "" {
			_, err = s.maps.Create(ctx, m, metav1.CreateOptions{FieldManager: fieldManager})
		} else {
			_, err = s.maps.Update(ctx, m, metav1.UpdateOptions{FieldManager: fieldManager})
		}
	}
	if err != nil {
		return fmt.Errorf("save the last good commit of fleet %s: %w", fleet, err)
	}
	return nil
}

// nameOf is an object's name for something whose own name may be none: what does not fit is
// replaced, and a digest keeps it apart from its likes.
func nameOf(what, name string) string {
	fit := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	// A label's value has at most 63 characters.
	return fmt.Sprintf("millwright-%s-%s-%s", what, fit[:min(len(fit), 36)], digest([]byte(name))[:8])
}

func pack(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, sizeMax+1))
	if err != nil {
		return nil, err
	}
	if len(content) > sizeMax {
		return nil, fmt.Errorf("it has more than %d bytes", sizeMax)
	}
	return content, r.Close()
}
