//go:build unix

package fleet

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitMemory makes the process fail once it takes more address space than a number of bytes beyond
// what it has now: CUE cannot be stopped otherwise. Zero means no limit.
func limitMemory(bytes uint64) error {
	if bytes == 0 {
		return nil
	}
	bytes += addressSpace()
	return unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: bytes, Max: bytes})
}

// addressSpace is how much the process has already, most of it reserved by the runtime and never
// touched; zero where the system does not tell.
func addressSpace() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _, _ := strings.Cut(string(data), " ")
	n, err := strconv.ParseUint(pages, 10, 64)
	if err != nil {
		return 0
	}
	return n * uint64(os.Getpagesize())
}

var watchCPU = sync.OnceFunc(func() {
	exceeded := make(chan os.Signal, 1)
	signal.Notify(exceeded, syscall.SIGXCPU)
	go func() {
		<-exceeded
		os.Exit(exitCPU)
	}()
})

// limitCPU ends the process after some more seconds of CPU time, also if its parent is gone.
func limitCPU(seconds int) error {
	if seconds <= 0 {
		return nil
	}
	watchCPU()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return fmt.Errorf("asking for the time used: %w", err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("asking for the limit: %w", err)
	}
	limit.Cur = min(uint64(used.Utime.Sec+used.Stime.Sec+1)+uint64(seconds), limit.Max)
	return unix.Setrlimit(unix.RLIMIT_CPU, &limit)
}
