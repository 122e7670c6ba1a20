// Package objectstest is the conformance suite of object stores: what package
// objects promises, checked on any implementation.
package objectstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
)

// Store is what every object store offers.
type Store interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) iter.Seq2[objects.Info, error]
}

// Run checks the stores that newStore makes; each must be empty.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	for name, check := range map[string]func(*testing.T, Store){
		"round trip": roundTrip, "absent": absent, "never overwrites": neverOverwrites, "one of many writers": oneWriter,
		"delete": deletes, "list": lists, "keys": keys, "put beside delete": putBesideDelete, "ended context": endedContext,
	} {
		t.Run(name, func(t *testing.T) { check(t, newStore(t)) })
	}
}

func roundTrip(t *testing.T, s Store) {
	for key, data := range map[string][]byte{
		"a": []byte("x"), "empty": {}, "deep/er/still/b": bytes.Repeat([]byte{0, 1, 255}, 100_000), "deep/er/c d=ü": []byte("y"),
	} {
		put(t, s, key, data)
		if got, err := s.Get(t.Context(), key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("Get(%q) = %d bytes, %v; want %d", key, len(got), err, len(data))
		}
		r, err := s.Open(t.Context(), key)
		if err != nil {
			t.Fatalf("Open(%q): %v", key, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, data) {
			t.Errorf("Open(%q) gave %d bytes, %v; want %d", key, len(got), err, len(data))
		}
	}
}

func absent(t *testing.T, s Store) {
	put(t, s, "a/b", nil)
	for _, key := range []string{"x", "a/x", "a/b2"} {
		if _, err := s.Get(t.Context(), key); !errors.Is(err, bulk.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want ErrNotFound", key, err)
		}
		if _, err := s.Open(t.Context(), key); !errors.Is(err, bulk.ErrNotFound) {
			t.Errorf("Open(%q) = %v, want ErrNotFound", key, err)
		}
	}
}

func neverOverwrites(t *testing.T, s Store) {
	put(t, s, "k/1", []byte("first"))
	if err := s.Put(t.Context(), "k/1", []byte("second")); !errors.Is(err, objects.ErrExists) {
		t.Errorf("second Put = %v, want ErrExists", err)
	}
	if got, err := s.Get(t.Context(), "k/1"); err != nil || string(got) != "first" {
		t.Errorf("Get = %q, %v; want the first object", got, err)
	}
}

func oneWriter(t *testing.T, s Store) {
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := s.Put(t.Context(), "race/k", []byte{byte(i)})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, objects.ErrExists) {
				t.Errorf("Put = %v", err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers of one key succeeded, want 1", won.Load())
	}
}

func deletes(t *testing.T, s Store) {
	put(t, s, "d/1", []byte("x"))
	put(t, s, "d/2", []byte("y"))
	for range 2 {
		if err := s.Delete(t.Context(), "d/1"); err != nil {
			t.Fatalf("Delete: %v", err)
		}
	}
	if _, err := s.Get(t.Context(), "d/1"); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("Get after Delete = %v, want ErrNotFound", err)
	}
	if got, err := s.Get(t.Context(), "d/2"); err != nil || string(got) != "y" {
		t.Errorf("the neighbour is %q, %v; want it untouched", got, err)
	}
	if err := s.Delete(t.Context(), "d/2"); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	put(t, s, "d/1", []byte("again"))
}

func lists(t *testing.T, s Store) {
	for _, key := range []string{"b/imp_1/0-x", "b/imp_1/1-y", "b/imp_10/0-z", "p/imp_1/0", "top"} {
		put(t, s, key, []byte(key))
	}
	for prefix, want := range map[string][]string{
		"":         {"b/imp_1/0-x", "b/imp_1/1-y", "b/imp_10/0-z", "p/imp_1/0", "top"},
		"b/":       {"b/imp_1/0-x", "b/imp_1/1-y", "b/imp_10/0-z"},
		"b/imp_1":  {"b/imp_1/0-x", "b/imp_1/1-y", "b/imp_10/0-z"},
		"b/imp_1/": {"b/imp_1/0-x", "b/imp_1/1-y"},
		"t":        {"top"},
		"none/":    nil,
		"../":      nil,
	} {
		var got []string
		for info, err := range s.List(t.Context(), prefix) {
			if err != nil {
				t.Fatalf("List(%q): %v", prefix, err)
			}
			if info.Size != int64(len(info.Key)) || time.Since(info.Modified) > time.Hour {
				t.Errorf("List(%q) describes %+v", prefix, info)
			}
			got = append(got, info.Key)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("List(%q) = %q, want %q", prefix, got, want)
		}
	}
	for range s.List(t.Context(), "") {
		break // an abandoned list must not panic
	}
}

func keys(t *testing.T, s Store) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".tmp/x", "a/.b", `a\b`, `..\a`, "c:x", "a\x00b", "a\nb", "a\xffb",
		string(bytes.Repeat([]byte("a/"), 600)) + "a",
	} {
		if err := s.Put(t.Context(), key, []byte("x")); err == nil {
			t.Errorf("Put(%q) succeeded", key)
		}
		if _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, bulk.ErrNotFound) {
			t.Errorf("Get(%q) = %v, want a refusal of the key", key, err)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) succeeded", key)
		}
	}
}

// putBesideDelete keeps emptying the directory that others write to.
func putBesideDelete(t *testing.T, s Store) {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 25 {
				key := fmt.Sprintf("churn/%d-%d", i, j)
				if err := s.Put(t.Context(), key, []byte(key)); err != nil {
					t.Errorf("Put(%q): %v", key, err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("Delete(%q): %v", key, err)
				}
			}
		})
	}
	wg.Wait()
}

func endedContext(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Put(ctx, "a", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v, want the context's error", err)
	}
	if _, err := s.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v, want the context's error", err)
	}
}

func put(t *testing.T, s Store, key string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), key, data); err != nil {
		t.Fatalf("Put(%q): %v", key, err)
	}
}
