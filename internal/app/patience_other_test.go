//go:build !linux

package app

import "syscall"

func smallReceiveBuffer(_, _ string, _ syscall.RawConn) error { return nil }
