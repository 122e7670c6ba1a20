package objects

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Folder keeps objects as files of one directory. Several processes may share it.
// It needs a file system with hard links.
type Folder struct {
	root *os.Root
	mu   sync.Mutex
	made map[string]bool // directories known to exist durably, at most maxMade
}

// The directory of files being written, beside the targets on the same file
// system. Its name cannot be part of a key.
const scratch = ".tmp"

const (
	// staleAfter is how old a file in scratch must be to be a leftover of a crash.
	staleAfter = 24 * time.Hour
	// maxMade bounds the memory of the directory cache.
	maxMade = 10_000
	// putAttempts bounds how often a Put makes its directory anew after a Delete
	// in between removed it as empty.
	putAttempts = 5
)

// OpenFolder opens the store in dir, which it creates when it is missing. Leftovers
// of crashed writers are removed. Close the folder after use.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(filepath.Join(dir, scratch), 0o750); err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open object folder: %w", err)
	}
	f := &Folder{root: root, made: map[string]bool{}}
	if err := errors.Join(f.syncDir("."), f.removeStale(time.Now().Add(-staleAfter))); err != nil {
		return nil, errors.Join(fmt.Errorf("open object folder: %w", err), root.Close())
	}
	return f, nil
}

// Close releases the directory. No call may be under way.
func (f *Folder) Close() error { return f.root.Close() }

// Put stores data under key and returns once it survives a crash of the machine.
// A taken key is ErrExists.
func (f *Folder) Put(ctx context.Context, key string, data []byte) error {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	temp := path.Join(scratch, rand.Text())
	defer f.root.Remove(temp) // its other name, if it got one, is the object
	err := f.write(temp, data)
	if err == nil {
		err = f.link(temp, key)
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	return describe("put", key, err)
}

// probeBytes is how much is written to find out whether something can be.
const probeBytes = 16 << 10

// Ready writes a little and removes it again.
func (f *Folder) Ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	temp := path.Join(scratch, rand.Text())
	defer f.root.Remove(temp)
	return describe("probe", temp, f.write(temp, make([]byte, probeBytes)))
}

// Get reads a whole object into memory.
func (f *Folder) Get(ctx context.Context, key string) ([]byte, error) {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	data, err := f.root.ReadFile(key)
	return data, describe("get", key, err)
}

// Open streams an object. The caller closes it.
func (f *Folder) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	file, err := f.root.Open(key)
	if err != nil {
		return nil, describe("open", key, err)
	}
	return file, nil
}

// Delete removes an object; an absent one is no error. A directory that it leaves
// empty goes too.
func (f *Folder) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	if err := f.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return describe("delete", key, err)
	}
	if dir := path.Dir(key); dir != "." && f.root.Remove(dir) == nil {
		f.forget(dir)
	}
	return nil
}

// List yields the objects whose keys begin with prefix, in no particular order. An
// error ends it.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		start := "."
		if i := strings.LastIndexByte(prefix, '/'); i > 0 {
			start = prefix[:i]
		}
		if start != "." && CheckKey(start) != nil {
			return // no key begins like that
		}
		err := fs.WalkDir(f.root.FS(), start, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // deleted meanwhile, or no such prefix
			case err != nil:
				return err
			case ctx.Err() != nil:
				return ctx.Err()
			case entry.IsDir() && name == scratch:
				return fs.SkipDir
			case entry.IsDir() || !strings.HasPrefix(name, prefix):
				return nil
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(Info{Key: name, Size: info.Size(), Modified: info.ModTime().UTC()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Info{}, fmt.Errorf("list objects %q: %w", prefix, err))
		}
	}
}

func (f *Folder) write(temp string, data []byte) error {
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// link gives the written file its key, which unlike a rename fails when the key is taken.
func (f *Folder) link(temp, key string) (err error) {
	dir := path.Dir(key)
	for range putAttempts {
		if err = f.makeDir(dir); err != nil {
			continue
		}
		if err = f.root.Link(temp, key); err == nil {
			return f.syncDir(dir)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f.forget(dir)
	}
	return err
}

// makeDir creates dir and its parents, once each, and makes their entries durable.
func (f *Folder) makeDir(dir string) error {
	if dir == "." || f.knows(dir) {
		return nil
	}
	parent := path.Dir(dir)
	if err := f.makeDir(parent); err != nil {
		return err
	}
	if err := f.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		f.forget(parent)
		return err
	}
	if err := f.syncDir(parent); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.made) >= maxMade {
		clear(f.made)
	}
	f.made[dir] = true
	return nil
}

func (f *Folder) knows(dir string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.made[dir]
}

func (f *Folder) forget(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.made, dir)
}

// syncDir makes a directory's entries durable. Windows has no such call and does
// it by itself.
func (f *Folder) syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *Folder) removeStale(before time.Time) error {
	entries, err := fs.ReadDir(f.root.FS(), scratch)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.ModTime().Before(before) {
			f.root.Remove(path.Join(scratch, entry.Name())) // the next start tries again
		}
	}
	return err
}
