// Package smalldisk gives tests a real file system that can be filled: a small tmpfs.
// It needs root on Linux; elsewhere the test is skipped, and says so.
package smalldisk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Disk is a mounted file system.
type Disk struct {
	Dir string
	t   testing.TB
}

// Fill takes all room that is left.
func (d *Disk) Fill() {
	d.t.Helper()
	f, err := os.Create(d.ballast())
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 4 {
		for err = nil; err == nil; {
			_, err = f.Write(bytes.Repeat([]byte("."), size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			d.t.Fatal(err)
		}
	}
}

// Empty gives the room back that Fill took.
func (d *Disk) Empty() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *Disk) ballast() string { return filepath.Join(d.Dir, "ballast") }

// failed skips the test that cannot have a disk, or fails it where everything is required.
func failed(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" && os.Geteuid() == 0 {
		t.Fatalf("no small disk: %s", why)
	}
	t.Skipf("SKIPPED: no small disk: %s", why)
}
