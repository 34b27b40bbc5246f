//go:build !linux

package main

import "syscall"

func inEmptyNetwork() *syscall.SysProcAttr { return nil }
