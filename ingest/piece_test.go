package ingest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// written returns how many bytes this process has handed to the system so far.
func written(t *testing.T) (n int64) {
	t.Helper()
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip("SKIPPED: the system does not count what a process writes")
	}
	for line := range strings.Lines(string(io)) {
		if _, err := fmt.Sscanf(line, "wchar: %d", &n); err == nil {
			return n
		}
	}
	t.Fatalf("no wchar in %s", io)
	return 0
}

// A request of a byte writes about what it carries, however much is acknowledged and
// not staged yet, and however wide the file is.
func TestSmallPieceIsCheap(t *testing.T) {
	const pieces = 40
	row := "1" + strings.Repeat(",", 999) + "\n"
	for name, file := range map[string]string{
		"plain":   strings.Repeat("1,a,2\n", 160_000), // nearly a tail's length
		"spooled": "\x1f\x8b\x08\x00" + strings.Repeat("1,a,2\n", 160_000),
		"wide":    wide(1000) + "\n" + strings.Repeat(row, 2000), // more than a tail's length, so that there is a layout
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			at, length := int64(len(file)), int64(len(file)+pieces+1)
			id := f.open(length, bulk.Options{})
			_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(file), Length: length})
			f.must(err)
			before := written(t)
			for i := range int64(pieces) {
				_, err := f.Write(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader("1"), Offset: at + i, Length: length})
				f.must(err)
			}
			each := (written(t) - before) / pieces
			up, err := f.store.Upload(t.Context(), f.account, id)
			f.must(err)
			t.Logf("%d bytes written for one, the tail is in %d pieces", each, len(up.Tail))
			if each > 120<<10 || len(up.Tail) > 21 {
				t.Errorf("a request of one byte writes %d, the tail is in %d pieces", each, len(up.Tail))
			}
		})
	}
}
