package store

import (
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestIdempotencyKey(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		n := bulk.NewImport{Account: f.account, Dataset: "things", Mode: bulk.ModeCreate, Priority: bulk.PriorityNormal, Size: -1, IdempotencyKey: "k", RequestHash: "h"}
		first, replayed, err := f.CreateImport(t.Context(), n, 0)
		if err != nil || replayed {
			t.Fatal(replayed, err)
		}
		again, replayed, err := f.CreateImport(t.Context(), n, 0)
		if err != nil || !replayed || again.ID != first.ID {
			t.Fatal(again.ID, replayed, err)
		}
		n.RequestHash = "other"
		_, _, err = f.CreateImport(t.Context(), n, 0)
		wantKind(t, err, bulk.KindUnprocessed)
		n.Account = f.newAccount("other", 1)
		if other, replayed, err := f.CreateImport(t.Context(), n, 0); err != nil || replayed || other.ID == first.ID {
			t.Fatal("an account sees another's key", err)
		}
	})
}

func TestCreateImportRefusals(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		n := bulk.NewImport{Account: f.account, Dataset: "nothing", Size: -1}
		_, _, err := f.CreateImport(t.Context(), n, 0)
		if bulk.CodeOf(err) != bulk.ErrUnknownDataset {
			t.Fatal(err)
		}
		n.Dataset, n.Options.Mapping = "things", map[string]string{"Name": "nmae"}
		_, _, err = f.CreateImport(t.Context(), n, 0)
		if bulk.CodeOf(err) != bulk.ErrUnknownField || !strings.Contains(err.Error(), "nmae") {
			t.Fatal(err)
		}
		n.Options.Mapping = nil
		_, _, err = f.CreateImport(t.Context(), n, 1)
		f.must(err)
		_, _, err = f.CreateImport(t.Context(), n, 1)
		wantKind(t, err, bulk.KindUnavailable)
	})
}

// No method gives an account what belongs to another (invariant 7).
func TestForeignAccountsSeeNothing(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 2)
		f.commit(imp, 0, row{1, "a", ""})
		other := f.newAccount("other", 100)
		ctx := t.Context()
		calls := map[string]func() error{
			"Import":       func() error { _, err := f.Import(ctx, other, imp.ID); return err },
			"Cancel":       func() error { _, err := f.Cancel(ctx, other, imp.ID); return err },
			"Pause":        func() error { _, err := f.Pause(ctx, other, imp.ID); return err },
			"Resume":       func() error { _, err := f.Resume(ctx, other, imp.ID); return err },
			"Approve":      func() error { _, err := f.Approve(ctx, other, imp.ID); return err },
			"Batches":      func() error { _, err := f.Batches(ctx, other, bulk.BatchID{Import: imp.ID, No: -1}, 10); return err },
			"RejectGroups": func() error { _, err := f.RejectGroups(ctx, other, imp.ID); return err },
			"Receipt":      func() error { _, err := f.Receipt(ctx, other, imp.ID); return err },
			"ImportEvents": func() error { _, err := f.ImportEvents(ctx, other, imp.ID, bulk.Window{Limit: 10}); return err },
			"Upload":       func() error { _, err := f.Upload(ctx, other, imp.ID); return err },
			"TakeUpload":   func() error { _, err := f.TakeUpload(ctx, other, imp.ID); return err },
			"TakeDecoding": func() error {
				_, err := f.TakeDecoding(ctx, bulk.Undecoded{Account: other, Import: imp.ID})
				return err
			},
			"Refuse":       func() error { return f.Refuse(ctx, other, imp.ID, bulk.Errorf(bulk.KindInvalid, "x", "x")) },
			"BatchRejects": func() error { _, err := f.BatchRejects(ctx, other, bulk.BatchID{Import: imp.ID}); return err },
			"ImportSpec":   func() error { _, err := f.ImportSpec(ctx, other, imp.ID); return err },
		}
		for name, call := range calls {
			if err := call(); bulk.KindOf(err) != bulk.KindNotFound {
				t.Errorf("%s answers %v", name, err)
			}
		}
		if list, _, err := f.ListImports(ctx, other, bulk.ImportFilter{}); err != nil || len(list) != 0 {
			t.Errorf("list %v, %v", list, err)
		}
		f.wantUsage(other, 0)
		wantState(t, f.get(imp), bulk.StateCompletedWithRejects)
	})
}

func TestListImportsPagesAndFilters(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for range 5 {
			f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		}
		var seen []bulk.ImportID
		filter := bulk.ImportFilter{Limit: 2, Search: "THINGS", State: bulk.StateOpen, Dataset: "things"}
		for {
			page, next, err := f.ListImports(t.Context(), f.account, filter)
			f.must(err)
			for _, i := range page {
				seen = append(seen, i.ID)
			}
			if filter.Cursor = next; next == "" {
				break
			}
		}
		if len(seen) != 5 || seen[0] < seen[4] {
			t.Fatalf("seen %v", seen)
		}
		if page, _, err := f.ListImports(t.Context(), f.account, bulk.ImportFilter{Search: "100%"}); err != nil || len(page) != 0 {
			t.Fatalf("a wildcard in the search matched: %v %v", page, err)
		}
	})
}

// The pace of a receipt counts the rows that were worked on, over the time in which they were.
func TestReceiptPaceCountsWorkOnly(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stageOpen(imp, 2, 2, 6)
		f.commit(imp, 0, row{1, "a", ""}, row{2, "b", ""})
		f.commit(imp, 1, row{3, "c", ""}, row{4, "d", ""})
		_, err := f.Cancel(t.Context(), f.account, imp.ID) // 6 rows are never processed
		f.must(err)
		begun := now().Add(-time.Hour)
		f.must(f.tx(t.Context(), "set the times", func(tx *txn) error {
			if _, err := tx.ExecContext(t.Context(), `UPDATE imports SET started_at = ?, finished_at = ? WHERE id = ?`, begun, begun.Add(time.Hour), imp.ID); err != nil {
				return err
			}
			for no, end := range []time.Duration{time.Second, 30 * time.Minute} { // each worked for a second; half an hour between them was a pause
				if _, err := tx.ExecContext(t.Context(), `UPDATE batches SET committed_at = ?, read_ms = 300, validate_ms = 300, commit_ms = 400 WHERE import_id = ? AND no = ?`, begun.Add(end), imp.ID, no); err != nil {
					return err
				}
			}
			return nil
		}))
		r, err := f.Receipt(t.Context(), f.account, imp.ID)
		f.must(err)
		if r.Seconds != 3600 || r.Working != 2 || r.RowsPerS != 2 {
			t.Fatalf("%v s, of which %v s worked, %v rows/s; want 3600, 2, 2", r.Seconds, r.Working, r.RowsPerS)
		}
	})
}
