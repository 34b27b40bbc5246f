package fleet

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"

	"millwright.dev/millwright/internal/diag"
)

// request is what the parent asks of a worker, response what it answers: compile an instance, with
// Ask locate fields in it, with Plan have its rules judge a plan, or with its tests try them.
type request struct {
	Instance *instance `json:"instance"`
	Limits   Limits    `json:"limits"`
	Ask      []Query   `json:"ask,omitempty"`

	Plan json.RawMessage `json:"plan,omitempty"`
}

// workerEnv tells a program that it was started as a worker; its value is the limit of its memory in
// bytes. A worker gets none of its parent's environment: CUE changes its mind about what is valid by
// variables.
const workerEnv = "MILLWRIGHT_FLEET_WORKER"

// exitCPU is a worker's exit code when it used up its share of CPU.
const exitCPU = 3

// WorkerMain is called first in main by every program that names itself as Options.Worker. In a
// process that was started as a worker it serves its parent and does not return; otherwise it does
// nothing.
func WorkerMain() {
	limit, err := strconv.ParseUint(os.Getenv(workerEnv), 10, 64)
	if err != nil {
		return
	}
	if err := limitMemory(limit); err != nil {
		fmt.Fprintf(os.Stderr, "limiting the memory of the worker to %d bytes: %v\n", limit, err)
		os.Exit(1)
	}
	debug.SetGCPercent(400) // fast and still small: a context serves a few instances only
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve answers requests until there are no more.
func serve(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	for {
		var req request
		if err := readFrame(in, &req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a request: %w", err)
		}
		if err := limitCPU(req.Limits.CPUSeconds); err != nil {
			return fmt.Errorf("limiting CPU time: %w", err)
		}
		if err := writeFrame(out, answer(req)); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

// answer does what is asked. A panic within CUE condemns the instance, not the fleet's other ones.
func answer(req request) (out compiled) {
	defer func() {
		if p := recover(); p != nil {
			out = compiled{Findings: diag.List{{
				Code: "MW104", Summary: fmt.Sprintf("the CUE evaluator failed: %v", p), Pos: diag.Pos{File: req.Instance.Dir},
				Hint: "this is a defect of CUE: simplify what changed last in this directory",
			}}}
		}
	}()
	switch {
	case len(req.Ask) > 0:
		return locate(req.Instance, req.Ask)
	case len(req.Plan) > 0:
		return judge(req.Instance, req.Plan, req.Limits.withDefaults())
	case req.Instance.Tests:
		return try(req.Instance, req.Limits.withDefaults())
	}
	return compile(req.Instance, req.Limits.withDefaults())
}

// maxFrame bounds a message between parent and worker, in bytes.
const maxFrame = 512 << 20

// readFrame reads a length of four bytes, most significant first, and as much JSON.
func readFrame(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if int64(n) > int64(maxFrame) {
		return fmt.Errorf("a message of %d bytes, more than the %d allowed", n, maxFrame)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return fmt.Errorf("a message cut short: %w", io.ErrUnexpectedEOF)
	}
	return json.Unmarshal(data, v)
}

func writeFrame(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > maxFrame {
		return fmt.Errorf("a message of %d bytes, more than the %d allowed", len(data), maxFrame)
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
