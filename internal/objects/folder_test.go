package objects_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/objects/objectstest"
	"bulkhead/internal/smalldisk"
)

func open(t *testing.T, dir string) *objects.Folder {
	t.Helper()
	f, err := objects.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestFolderConforms(t *testing.T) {
	objectstest.Run(t, func(t *testing.T) objectstest.Store { return open(t, filepath.Join(t.TempDir(), "new", "folder")) })
}

func TestFolderOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Put(t.Context(), "a/b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Get(t.Context(), "a/b"); err != nil || string(got) != "x" {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func TestFolderDoesNotFollowLinksOutOfItself(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600), os.Symlink(outside, filepath.Join(dir, "out"))); err != nil {
		t.Skip("SKIPPED: no symbolic links here: ", err)
	}
	if got, err := open(t, dir).Get(t.Context(), "out/secret"); err == nil || errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("Get through a link = %q, %v; want a refusal", got, err)
	}
}

func TestFolderRemovesLeftoversOfCrashedWriters(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	old, young := filepath.Join(dir, ".tmp", "old"), filepath.Join(dir, ".tmp", "young")
	long := time.Now().Add(-25 * time.Hour)
	if err := errors.Join(os.WriteFile(old, nil, 0o600), os.WriteFile(young, nil, 0o600), os.Chtimes(old, long, long)); err != nil {
		t.Fatal(err)
	}
	f := open(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("another process's file is gone: %v", err)
	}
	for info, err := range f.List(t.Context(), "") {
		t.Errorf("List yields %+v, %v from an empty store", info, err)
	}
}

func TestFolderLeavesNoTemporaryFile(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	f.Put(t.Context(), "a/b", []byte("x"))
	f.Put(t.Context(), "a/b", []byte("y"))
	if left, err := os.ReadDir(filepath.Join(dir, ".tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A full disk, and one that is read-only, are said to be so; reading goes on.
func TestFolderSaysWhyItTakesNoWrites(t *testing.T) {
	disk := smalldisk.Mount(t, 1<<20)
	f := open(t, filepath.Join(disk.Dir, "objects"))
	refuses := func(code string) {
		t.Helper()
		put := f.Put(t.Context(), "a/new", make([]byte, 64<<10))
		for what, err := range map[string]error{"Put": put, "Ready": f.Ready(t.Context())} {
			if bulk.KindOf(err) != bulk.KindUnavailable || bulk.CodeOf(err) != code {
				t.Errorf("%s = %v, want %s", what, err, code)
			}
		}
		if got, err := f.Get(t.Context(), "a/b"); err != nil || string(got) != "x" {
			t.Errorf("Get = %q, %v", got, err)
		}
	}
	if err := errors.Join(f.Put(t.Context(), "a/b", []byte("x")), f.Ready(t.Context())); err != nil {
		t.Fatal(err)
	}
	disk.Fill()
	refuses(bulk.ErrDiskFull)
	disk.Empty()
	disk.Protect(true)
	refuses(bulk.ErrReadOnly)
	disk.Protect(false)
	if err := errors.Join(f.Put(t.Context(), "a/new", []byte("x")), f.Ready(t.Context())); err != nil {
		t.Error(err)
	}
}
