// Package verdict remembers of whole trees of files that they are a correct fleet, so that what was found right
// once need not be found right again. Its file may be lost at any time, which costs time alone.
package verdict

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash/fnv"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"millwright.dev/millwright/internal/cachefile"
	"millwright.dev/millwright/internal/diag"
	"millwright.dev/millwright/internal/state"
)

// Verdict is what is remembered of a tree that holds a correct fleet.
type Verdict struct {
	// Summary says in a sentence what the fleet has.
	Summary string
	// Found are warnings.
	Found diag.List
	// Objects stand for the addresses of all that is rendered of it, sorted. Two addresses may come to the same
	// number, though hardly ever.
	Objects Numbers
}

// Numbers are written as the bytes they have, which costs a fraction of what gob makes of them one by one.
type Numbers []uint64

// GobEncode implements [gob.GobEncoder].
func (n Numbers) GobEncode() ([]byte, error) {
	return binary.Append(make([]byte, 0, 8*len(n)), binary.LittleEndian, []uint64(n))
}

// GobDecode implements [gob.GobDecoder].
func (n *Numbers) GobDecode(data []byte) error {
	*n = make(Numbers, len(data)/8)
	_, err := binary.Decode(data, binary.LittleEndian, []uint64(*n))
	return err
}

// Of is the verdict on what a set was rendered from.
func Of(set state.Set) Verdict { return Verdict{Objects: numbers(set)} }

func numbers(set state.Set) Numbers {
	all := make(Numbers, 0, set.Len())
	for o := range set.All() {
		h := fnv.New64a()
		_, _ = io.WriteString(h, o.ID.String()) // never fails
		all = append(all, h.Sum64())
	}
	slices.Sort(all)
	return all
}

// Replace is the verdict on a tree of which some objects are other than here: those of one set are not there, those
// of another are. It is not ok if an object would be there twice, or one to be left out is not there.
func (v Verdict) Replace(without, with state.Set) (next Verdict, ok bool) {
	gone, come := numbers(without), numbers(with)
	next.Objects = make(Numbers, 0, len(v.Objects)+len(come))
	for _, n := range v.Objects {
		if len(gone) > 0 && gone[0] == n {
			gone = gone[1:]
			continue
		}
		next.Objects = append(next.Objects, n)
	}
	next.Objects = append(next.Objects, come...)
	slices.Sort(next.Objects)
	all := len(next.Objects)
	next.Objects = slices.Compact(next.Objects)
	return next, len(gone) == 0 && len(next.Objects) == all
}

// Key names a tree, and the program that judged it.
type Key [sha256.Size]byte

// KeyOf is the key of what its parts say in order.
func KeyOf(parts ...string) Key {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return Key(h.Sum(nil))
}

// kept is how many verdicts are remembered, and most how large their file may be, in bytes.
const kept, most = 6, 64 << 20

// Store holds the latest verdicts.
type Store struct {
	file   string
	read   sync.Once
	latest []entry // the newest last
}

type entry struct {
	Key     Key
	Verdict Verdict
}

// Open is the verdicts that are kept in a directory, which are read when they are asked for; anything odd about their
// file means that there are none. An empty directory keeps nothing.
func Open(dir string) *Store {
	if dir == "" {
		return &Store{}
	}
	return &Store{file: filepath.Join(dir, "verdicts.pack")}
}

func (s *Store) load() {
	s.read.Do(func() {
		data, err := cachefile.Read(s.file, most)
		if err == nil && gob.NewDecoder(bytes.NewReader(data)).Decode(&s.latest) != nil {
			s.latest = nil
		}
	})
}

// Get is the verdict on a tree, and whether there is one.
func (s *Store) Get(key Key) (Verdict, bool) {
	s.load()
	i := slices.IndexFunc(s.latest, func(e entry) bool { return e.Key == key })
	if i < 0 {
		return Verdict{}, false
	}
	return s.latest[i].Verdict, true
}

// Put remembers a verdict. That the file could not be written is no failure: the next time is a slow one.
func (s *Store) Put(key Key, v Verdict) {
	if s.file == "" {
		return
	}
	s.load()
	s.latest = slices.DeleteFunc(s.latest, func(e entry) bool { return e.Key == key })
	s.latest = append(s.latest, entry{key, v})
	s.latest = s.latest[max(0, len(s.latest)-kept):]
	_ = cachefile.Write(s.file, func(w io.Writer) error { return gob.NewEncoder(w).Encode(s.latest) })
}
