// Package cachefile keeps what can be made again in a file that is read whole or not at all: its digest
// stands before it, and it is replaced as a whole. Losing such a file costs time alone.
package cachefile

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	"millwright.dev/millwright/internal/wholefile"
)

// Read returns what Write wrote. A file that is not there, is damaged or has more than most bytes is an error.
func Read(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil, err
	}
	if len(all) < sha256.Size || sha256.Sum256(all[sha256.Size:]) != [sha256.Size]byte(all) {
		return nil, fmt.Errorf("%s is not whole", file)
	}
	return all[sha256.Size:], nil
}

// Write replaces a file, which is for this user alone, by what encode writes; directories are made. If it
// fails, the file stays as it was.
func Write(file string, encode func(io.Writer) error) error {
	var b bytes.Buffer
	b.Write(make([]byte, sha256.Size))
	if err := encode(&b); err != nil {
		return err
	}
	digest := sha256.Sum256(b.Bytes()[sha256.Size:])
	copy(b.Bytes(), digest[:])
	return wholefile.WriteUnsynced(file, b.Bytes())
}
