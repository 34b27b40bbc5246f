package fleet

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// Parent and worker believe no length that the other claims, and tell an end from a cut.
func TestFrames(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, writeFrame(&b, request{Ask: []Query{{Entity: "platform"}}}))
	whole := bytes.Clone(b.Bytes())

	var got request
	require.NoError(t, readFrame(&b, &got))
	require.Equal(t, "platform", got.Ask[0].Entity)
	require.ErrorIs(t, readFrame(&b, &got), io.EOF)

	err := readFrame(bytes.NewReader(whole[:len(whole)-1]), &got)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, readFrame(bytes.NewReader(whole[:4]), &got), io.EOF)

	huge := binary.BigEndian.AppendUint32(nil, 1<<31)
	require.ErrorContains(t, readFrame(bytes.NewReader(huge), &got), "more than the 536870912 allowed")
}

// A panic within CUE condemns one directory; the worker answers and lives on.
func TestPanicIsAFinding(t *testing.T) {
	out := answer(request{Instance: &instance{Dir: "machines/r1", Package: "machines", Language: "no version", Files: []sourceFile{{Name: "a.cue"}}}})
	require.Equal(t, "MW104", out.Findings[0].Code)
	require.Equal(t, "machines/r1", out.Findings[0].Pos.File)
}
