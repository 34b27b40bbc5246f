//go:build !linux

package testenv_test

// child is what the test binary does instead of testing: nothing here, see killed_linux_test.go.
func child() func() { return nil }
