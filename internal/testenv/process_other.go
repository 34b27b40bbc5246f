//go:build !linux

package testenv

import "syscall"

// childAttributes puts a child in a group of its own, which Ctrl-C in the terminal does not reach.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
