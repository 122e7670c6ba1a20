package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// A page of wide records ends at its bytes, and the pages together have each record once.
func TestRecordPagesAreBoundedInBytes(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		const rows = 3*recordsAtOnce + 7
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, rows)
		wide := strings.Repeat("w", 100<<10)
		all := make([]row, rows)
		for i := range all {
			all[i] = row{no: int64(i + 1), id: fmt.Sprintf("k%04d", i), name: wide}
		}
		f.commit(imp, 0, all...)
		next, pages := 0, 0
		for cursor := ""; ; pages++ {
			p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Cursor: cursor, Limit: 10_000})
			f.must(err)
			bytes := 0
			for _, r := range p.Records {
				if bytes += r.Bytes(); r.Values[0] != all[next].id {
					t.Fatalf("got %v, want %s", r.Values[0], all[next].id)
				}
				next++
			}
			if bytes >= bulk.PageBytes+len(wide)+1<<10 {
				t.Errorf("a page has %d bytes, want at most a record more than %d", bytes, bulk.PageBytes)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if next != rows || pages < rows*len(wide)/bulk.PageBytes {
			t.Errorf("%d records on %d pages, want %d", next, pages+1, rows)
		}
		if p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Limit: 10_000, Bytes: 5 * len(wide)}); err != nil || len(p.Records) != 5 || p.Next == "" {
			t.Errorf("a page of %d bytes has %d records, next %q, %v", 5*len(wide), len(p.Records), p.Next, err)
		}
		for limit, want := range map[int]int{1: 1, recordsAtOnce - 1: 41, 40: 40} {
			if p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Limit: limit}); err != nil || len(p.Records) != want || p.Next == "" {
				t.Errorf("limit %d: %d records, next %q, %v; want %d and more to come", limit, len(p.Records), p.Next, err, want)
			}
		}
	})
}

// Where the limit falls on what one query asks for, nothing is lost or doubled.
func TestRecordPagesMeetTheirLimit(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		const rows = 2 * recordsAtOnce
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, rows)
		all := make([]row, rows)
		for i := range all {
			all[i] = row{no: int64(i + 1), id: fmt.Sprintf("k%04d", i), name: "n"}
		}
		f.commit(imp, 0, all...)
		for limit, more := range map[int]bool{recordsAtOnce - 1: true, recordsAtOnce: true, recordsAtOnce + 1: true, rows - 1: true, rows: false, rows + 1: false} {
			p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: "things", Limit: limit})
			f.must(err)
			if len(p.Records) != min(limit, rows) || (p.Next != "") != more {
				t.Errorf("limit %d: %d records, next %q", limit, len(p.Records), p.Next)
			}
		}
	})
}

// Readers that hold every connection that there is for them, and more that wait for one,
// do not hold up a commit.
func TestCommitWaitsForNoReader(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		validated := commitOf(f.work(imp, 0), row{no: 1, id: "a", name: "n"})
		var readers sync.WaitGroup
		done := make(chan struct{})
		t.Cleanup(func() { close(done); readers.Wait() })
		for range f.ReadersAtOnce() {
			reading := make(chan struct{})
			readers.Go(func() {
				rows, err := f.read.QueryxContext(t.Context(), `SELECT id FROM accounts`)
				if err == nil {
					defer rows.Close()
					rows.Next()
				}
				close(reading)
				<-done
			})
			<-reading
		}
		if n := f.read.Stats().InUse; n != f.ReadersAtOnce() {
			t.Fatalf("%d connections read, want all %d", n, f.ReadersAtOnce())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := f.Commit(ctx, validated); err != nil {
			t.Errorf("Commit = %v", err)
		}
	})
}
