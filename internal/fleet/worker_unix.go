//go:build unix

package fleet

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// limitMemory makes allocations beyond a number of bytes of address space fail, which ends the
// process: CUE cannot be stopped otherwise. Zero means no limit.
func limitMemory(bytes uint64) error {
	if bytes == 0 {
		return nil
	}
	return unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: bytes, Max: bytes})
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
