package inventory

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"millwright.dev/millwright/internal/state"
	"millwright.dev/millwright/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

var (
	tenant = state.Target{System: state.Kubernetes, Name: "acme.train"}
	site   = state.ControlPlane
)

// memory of n objects of a target, whose digests come from a seed.
func memory(t state.Target, n int, seed string) (m Memory) {
	for i := range n {
		m.Owned = append(m.Owned, state.Owned{
			ID:     state.ID{Target: t, Kind: "ConfigMap", Namespace: "default", Name: fmt.Sprintf("settings-%05d", i)},
			Remote: digest(fmt.Append(nil, i))[:36], Entity: "tenant/acme", Digest: digest(fmt.Append(nil, seed, i)),
			Fields: []string{"data.key", `metadata.labels["a.b/c"]`}, Commit: "4711", Renderer: "v1",
			After: []state.Edge{{On: state.ID{Target: t, Kind: "Namespace", Name: "default"}}},
		})
	}
	m.Intents = []state.Intent{{
		ID: m.Owned[0].ID, Action: "create", Step: "reset", Opened: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Before: "x",
	}}
	m.Spent = []state.Spent{
		{Approval: "cap-17", Until: time.Date(2026, 5, 12, 18, 0, 0, 0, time.UTC), IDs: []state.ID{m.Owned[0].ID}},
		{Approval: "cap-17", Commit: "c17", Until: time.Date(2026, 5, 13, 18, 0, 0, 0, time.UTC), IDs: []state.ID{m.Owned[0].ID, m.Owned[n/2].ID}},
	}
	m.Held = "/redfish/v1/SessionService/Sessions/7"
	return m
}

// place is where a store keeps things, and a way in for others.
type place struct {
	open func() Store // a new process's
	// damage spoils what is stored of a target; writes counts what has been stored.
	damage func(t *testing.T, target state.Target)
	writes func() int
}

func places(t *testing.T) map[string]func(t *testing.T) place {
	return map[string]func(t *testing.T) place{
		"files": func(t *testing.T) place {
			dir := filepath.Join(t.TempDir(), "state")
			return place{
				open: func() Store { return Files(dir) },
				damage: func(t *testing.T, target state.Target) {
					path := (&files{dir: dir}).path(target)
					content, err := os.ReadFile(path)
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(path, content[:len(content)/2], 0o600))
				},
				writes: func() int { return inode(t, dir) },
			}
		},
		"config maps":         func(t *testing.T) place { return inCluster(t, chunkMax) },
		"chunked config maps": func(t *testing.T) place { return inCluster(t, 1<<10) },
	}
}

// inode changes whenever a file of the folder is replaced.
func inode(t *testing.T, dir string) int {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	sum := 0
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		sum += int(info.ModTime().UnixNano() % (1 << 40))
	}
	return sum
}

// cluster is a namespace on a real API server, and a wire to it that breaks at the n-th write.
type cluster struct {
	maps    client.ConfigMapInterface
	getter  client.ConfigMapsGetter
	ns      string
	writes  atomic.Int64
	breakAt atomic.Int64
	after   atomic.Bool // break after the write took effect
}

func newCluster(t *testing.T) *cluster {
	server := testenv.ForTest(t, "inventory").Cluster("inventory")
	c := &cluster{ns: server.Namespace(t)}
	config := rest.CopyConfig(server.Config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return wire{c, next} })
	core, err := client.NewForConfig(config)
	require.NoError(t, err)
	direct, err := client.NewForConfig(server.Config)
	require.NoError(t, err)
	c.getter, c.maps = core, direct.ConfigMaps(c.ns)
	return c
}

func (c *cluster) open(chunk int) Store {
	s := ConfigMaps(c.getter, c.ns).(*configMaps)
	s.chunk = chunk
	return s
}

type wire struct {
	*cluster
	next http.RoundTripper
}

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return w.next.RoundTrip(r)
	}
	if n := w.writes.Add(1); n != w.breakAt.Load() {
		return w.next.RoundTrip(r)
	}
	if w.after.Load() {
		answer, err := w.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = answer.Body.Close()
	}
	return nil, io.ErrUnexpectedEOF
}

func inCluster(t *testing.T, chunk int) place {
	c := newCluster(t)
	return place{
		open: func() Store { return c.open(chunk) },
		damage: func(t *testing.T, target state.Target) {
			list, err := c.maps.List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			i := slices.IndexFunc(list.Items, func(m corev1.ConfigMap) bool { return len(m.BinaryData[keyContent]) > 0 })
			m := &list.Items[i]
			m.BinaryData[keyContent] = m.BinaryData[keyContent][:len(m.BinaryData[keyContent])/2]
			_, err = c.maps.Update(t.Context(), m, metav1.UpdateOptions{})
			require.NoError(t, err)
		},
		writes: func() int { return int(c.writes.Load()) },
	}
}

// The contract of Store, on every place.
func TestStores(t *testing.T) {
	for name, open := range places(t) {
		t.Run(name, func(t *testing.T) {
			t.Run("what is saved is loaded", func(t *testing.T) {
				p := open(t)
				s := p.open()
				empty, err := s.Load(t.Context(), tenant)
				require.NoError(t, err)
				require.Empty(t, empty)
				for _, n := range []int{1, 200, 3} {
					for _, target := range []state.Target{tenant, site} {
						want := memory(target, n, "a")
						require.NoError(t, s.Save(t.Context(), target, want))
						got, err := p.open().Load(t.Context(), target)
						require.NoError(t, err)
						require.Equal(t, want, got)
					}
				}
				targets, err := p.open().Targets(t.Context())
				require.NoError(t, err)
				require.Equal(t, []state.Target{tenant, site}, targets)

				require.NoError(t, s.Save(t.Context(), tenant, Memory{}))
				got, err := p.open().Load(t.Context(), tenant)
				require.NoError(t, err)
				require.Empty(t, got)
				targets, err = p.open().Targets(t.Context())
				require.NoError(t, err)
				require.Equal(t, []state.Target{site}, targets)
				require.NoError(t, s.Save(t.Context(), tenant, memory(tenant, 1, "again")))
			})

			t.Run("what approvals were used for is remembered alone", func(t *testing.T) {
				p := open(t)
				want := Memory{Spent: memory(tenant, 2, "a").Spent}
				require.NoError(t, p.open().Save(t.Context(), tenant, want))
				got, err := p.open().Load(t.Context(), tenant)
				require.NoError(t, err)
				require.Equal(t, want, got)
				targets, err := p.open().Targets(t.Context())
				require.NoError(t, err)
				require.Equal(t, []state.Target{tenant}, targets)
			})

			t.Run("what has not changed is not written", func(t *testing.T) {
				p := open(t)
				s := p.open()
				m := memory(tenant, 50, "a")
				require.NoError(t, s.Save(t.Context(), tenant, m))
				before := p.writes()
				slices.Reverse(m.Owned)
				slices.Reverse(m.Spent)
				slices.Reverse(m.Spent[0].IDs)
				require.NoError(t, s.Save(t.Context(), tenant, m), "in another order")
				require.NoError(t, p.open().Save(t.Context(), tenant, m), "by a process that has not loaded it")
				require.Equal(t, before, p.writes())
			})

			t.Run("another's writing is not lost", func(t *testing.T) {
				p := open(t)
				a, b := p.open(), p.open()
				for _, s := range []Store{a, b} {
					_, err := s.Load(t.Context(), tenant)
					require.NoError(t, err)
				}
				require.NoError(t, a.Save(t.Context(), tenant, memory(tenant, 2, "a")))
				for range 2 {
					require.ErrorIs(t, b.Save(t.Context(), tenant, memory(tenant, 1, "b")), ErrChanged)
				}
				got, err := b.Load(t.Context(), tenant)
				require.NoError(t, err)
				require.Equal(t, memory(tenant, 2, "a"), got)
				require.NoError(t, b.Save(t.Context(), tenant, memory(tenant, 1, "b")))
				require.ErrorIs(t, a.Save(t.Context(), tenant, Memory{}), ErrChanged)
			})

			t.Run("damage is an error", func(t *testing.T) {
				p := open(t)
				require.NoError(t, p.open().Save(t.Context(), tenant, memory(tenant, 50, "a")))
				p.damage(t, tenant)
				_, err := p.open().Load(t.Context(), tenant)
				require.ErrorContains(t, err, "damaged")
			})

			t.Run("the last good commit of each fleet", func(t *testing.T) {
				p := open(t)
				s := p.open()
				commit, err := s.LastGood(t.Context(), "example")
				require.NoError(t, err)
				require.Empty(t, commit)
				for _, want := range []string{"4711", "0815", "0815"} {
					require.NoError(t, s.SetLastGood(t.Context(), "example", want))
					commit, err = p.open().LastGood(t.Context(), "example")
					require.NoError(t, err)
					require.Equal(t, want, commit)
				}
				commit, err = s.LastGood(t.Context(), "other/fleet")
				require.NoError(t, err)
				require.Empty(t, commit)
			})

			t.Run("targets are saved side by side", func(t *testing.T) {
				s := open(t).open()
				var all sync.WaitGroup
				for i := range 8 {
					target := state.Target{System: state.Kubernetes, Name: fmt.Sprintf("acme.cluster-%03d", i)}
					all.Go(func() {
						assert.NoError(t, s.Save(t.Context(), target, memory(target, 3, "a")))
						got, err := s.Load(t.Context(), target)
						assert.NoError(t, err)
						assert.Equal(t, memory(target, 3, "a"), got)
					})
				}
				all.Wait()
				targets, err := s.Targets(t.Context())
				require.NoError(t, err)
				require.Len(t, targets, 8)
			})
		})
	}
}

// A memory written by a newer version is refused: saving over it would lose what we cannot read. One of an older
// version is read, and written so that the older version reads it, until there is something that it would lose.
func TestNewerFormatIsRefused(t *testing.T) {
	_, err := decode(tenant, []byte(`{"format": 3, "target": "kubernetes/acme.train"}`))
	require.ErrorContains(t, err, "newer")
	_, err = decode(tenant, []byte(`{"target": "kubernetes/acme.train"}`))
	require.ErrorContains(t, err, "format 0")
	old := []byte(`{"format":1,"target":"kubernetes/acme.train","intents":[{"id":"kubernetes/acme.train/ConfigMap/a/b","action":"create","opened":"2026-01-02T03:04:05Z"}]}`)
	m, err := decode(tenant, old)
	require.NoError(t, err)
	again, err := encode(tenant, m)
	require.NoError(t, err)
	require.Equal(t, string(old), string(again))
	m.Spent = memory(tenant, 1, "a").Spent
	again, err = encode(tenant, m)
	require.NoError(t, err)
	require.Contains(t, string(again), `"format":2`)

	_, err = decode(tenant, []byte(`{"format": 1, "target": "kubernetes/acme.train", "later": true}`))
	require.Error(t, err)
	_, err = decode(tenant, []byte(`{"format": 1, "target": "kubernetes/globex.serve"}`))
	require.ErrorContains(t, err, "globex")
}

// What could not be read back is not saved.
func TestAddressesMustReadBack(t *testing.T) {
	bmc := state.Target{System: state.Redfish, Name: "gpu-001"}
	m := Memory{Owned: []state.Owned{{ID: state.ID{Target: bmc, Kind: "ntp", Name: "surplus"}}}}
	require.ErrorContains(t, Files(t.TempDir()).Save(t.Context(), bmc, m), "surplus")
}

// Wherever a process dies while it saves, the old or the new memory is there, whole; and the next
// save clears up what was left.
func TestCrashWhileSavingChunks(t *testing.T) {
	const chunk = 2 << 10
	old, next := memory(tenant, 120, "old"), memory(tenant, 120, "new")
	for _, after := range []bool{false, true} {
		for at := int64(1); ; at++ {
			c := newCluster(t)
			require.NoError(t, c.open(chunk).Save(t.Context(), tenant, old))
			before := c.writes.Load()
			c.breakAt.Store(before + at)
			c.after.Store(after)
			err := c.open(chunk).Save(t.Context(), tenant, next)
			got, loadErr := c.open(chunk).Load(t.Context(), tenant)
			require.NoError(t, loadErr, "broken at write %d", at)
			if err == nil {
				require.Equal(t, next, got, "broken at write %d, and said to be saved", at)
			} else {
				require.Contains(t, []Memory{old, next}, got, "broken at write %d", at)
			}

			c.breakAt.Store(0)
			require.NoError(t, c.open(chunk).Save(t.Context(), tenant, memory(tenant, 120, "third")))
			list, listErr := c.maps.List(t.Context(), metav1.ListOptions{LabelSelector: memoryLabel})
			require.NoError(t, listErr)
			head, listErr := c.open(chunk).(*configMaps).head(t.Context(), nameOf("target", tenant.String()))
			require.NoError(t, listErr)
			require.Greater(t, head.chunks, 3)
			require.Len(t, list.Items, 1+head.chunks, "broken at write %d: nothing is left over", at)
			if c.writes.Load() < before+at || at > int64(3*head.chunks) {
				break
			}
		}
	}
}

// 2,000 objects fit into a few ConfigMaps, each well below the server's limit.
func TestLargeMemory(t *testing.T) {
	c := newCluster(t)
	want := memory(tenant, 2000, "a")
	s := c.open(64 << 10)
	require.NoError(t, s.Save(t.Context(), tenant, want))
	got, err := c.open(chunkMax).Load(t.Context(), tenant)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.Greater(t, c.writes.Load(), int64(2))
	list, err := c.maps.List(t.Context(), metav1.ListOptions{LabelSelector: memoryLabel})
	require.NoError(t, err)
	for _, m := range list.Items {
		require.LessOrEqual(t, len(m.BinaryData[keyContent]), 64<<10)
	}
}
