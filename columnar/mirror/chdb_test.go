package mirror

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

func newChDB(t *testing.T) *chdbEngine {
	t.Helper()
	e := ChDB([]string{os.Args[0], "serve-chdb", service(t, "BULKHEAD_TEST_CHDB"), t.TempDir()}, "bulkhead").(*chdbEngine)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestChDBStartsAgainAfterACrash(t *testing.T) {
	e := newChDB(t)
	w := newWorld(t, e)
	imp := w.begin("upsert", "things", all, 1, 1)
	w.commit(imp, 0, thing("a", 1, "x"))
	m := w.mirror(nil)
	w.must(m.sweep(t.Context()))
	first := e.child.Process
	w.must(first.Kill())
	w.commit(imp, 1, thing("b", 1, "x"))
	if err := m.sweep(t.Context()); err == nil || !strings.Contains(err.Error(), "chdb ended") {
		t.Fatalf("the sweep into a dead engine: %v", err)
	}
	w.must(m.sweep(t.Context()))
	w.wantEqual("things")
	if e.child.Process.Pid == first.Pid {
		t.Error("the same process as before")
	}
}

func TestChDBGivesUpARequestWithItsContext(t *testing.T) {
	e := newChDB(t)
	if err := e.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	begun := make(chan struct{})
	go func() { <-begun; cancel(nil) }()
	close(begun)
	if err := e.Exec(ctx, "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it cancelled", err)
	}
	var got []any
	err := e.Query(t.Context(), "SELECT 42, 'a\\nb', NULL", func(row []any) error { got = row; return nil })
	if err != nil || len(got) != 3 || got[1] != "a\nb" || got[2] != nil {
		t.Errorf("after that: %v, %v", got, err)
	}
}

func TestChDBWithoutItsLibraryIsAnError(t *testing.T) {
	e := ChDB([]string{os.Args[0], "serve-chdb", "/none/libchdb.so", t.TempDir()}, "bulkhead")
	for range 2 {
		if err := e.Exec(t.Context(), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "chdb ended") {
			t.Errorf("got %v, want the child's end", err)
		}
	}
}

func TestFramesAreRefusedWhenCut(t *testing.T) {
	var whole strings.Builder
	if err := writeFrame(&whole, []byte("request")); err != nil {
		t.Fatal(err)
	}
	if got, err := readFrame(strings.NewReader(whole.String())); err != nil || !slices.Equal(got, []byte("request")) {
		t.Errorf("got %q, %v", got, err)
	}
	for n := range whole.Len() {
		if got, err := readFrame(strings.NewReader(whole.String()[:n])); err == nil {
			t.Errorf("a frame cut at %d reads as %q", n, got)
		}
	}
	if _, err := readFrame(strings.NewReader("\xff\xff\xff\xff")); err == nil {
		t.Error("a frame of 4 GB is accepted")
	}
}
