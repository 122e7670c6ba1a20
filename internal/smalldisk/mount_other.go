//go:build !linux

package smalldisk

import "testing"

// Mount skips the test.
func Mount(t testing.TB, _ int64) *Disk {
	t.Helper()
	failed(t, "it needs Linux")
	return nil
}

// Protect makes the disk read-only, or writable again.
func (d *Disk) Protect(bool) {}
