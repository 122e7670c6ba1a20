//go:build !linux

package httpserver

import "syscall"

func smallReceiveBuffer(_, _ string, _ syscall.RawConn) error { return nil }
