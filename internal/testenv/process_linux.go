package testenv

import "syscall"

// childAttributes puts a child in a group of its own, which Ctrl-C in the terminal does not reach,
// and has the kernel kill it when the thread that started it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
