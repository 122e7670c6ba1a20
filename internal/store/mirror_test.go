package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestCommittedBatchesAreAnnouncedOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1, 1)
		f.commit(imp, 1, row{2, "b", "two"})
		refs, err := f.Commits().Unpublished(t.Context(), 10)
		f.must(err)
		if len(refs) != 1 || refs[0].ID() != (bulk.BatchID{Import: imp.ID, No: 1}) {
			t.Fatalf("to announce: %v, want batch 1 alone", refs)
		}
		f.must(f.Commits().MarkPublished(t.Context(), []bulk.BatchID{refs[0].ID(), {Import: imp.ID, No: 0}}, 0))
		f.commit(imp, 0, row{1, "a", "one"})
		refs, err = f.Commits().Unpublished(t.Context(), 10)
		f.must(err)
		if len(refs) != 1 || refs[0].No != 0 {
			t.Fatalf("to announce: %v, want batch 0, which was marked before it was committed", refs)
		}
	})
}

func TestImportIsMirroredWithItsLastBatch(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stageOpen(imp, 1, 1)
		f.commit(imp, 0, row{1, "a", "one"})
		due, err := f.Unmirrored(t.Context(), bulk.Committed{}, -time.Hour, 10)
		f.must(err)
		if len(due) != 1 || due[0].No != 0 {
			t.Fatalf("unmirrored: %v, want batch 0", due)
		}
		if rest, err := f.Unmirrored(t.Context(), due[0], -time.Hour, 10); err != nil || len(rest) != 0 {
			t.Fatalf("after the only one: %v, %v", rest, err)
		}
		early := f.get(imp)
		f.commit(imp, 1, row{2, "b", "two"})
		f.seal(imp)
		f.must(f.MarkMirrored(t.Context(), []bulk.BatchID{due[0].BatchID}, []bulk.Import{early}))
		if _, err := f.CommittedTask(t.Context(), due[0].BatchID); !errors.Is(err, bulk.ErrSkip) {
			t.Errorf("a mirrored batch is given again: %v", err)
		}
		if n, err := f.Unreported(t.Context(), 10); err != nil || len(n) != 0 || f.get(imp).Mirrored {
			t.Fatalf("with a batch to mirror: unreported %v, %v, import %+v", n, err, f.get(imp))
		}
		last := bulk.BatchID{Import: imp.ID, No: 1}
		f.must(f.MarkMirrored(t.Context(), []bulk.BatchID{last}, []bulk.Import{early}))
		ended, err := f.Unreported(t.Context(), 10)
		f.must(err)
		if len(ended) != 1 || ended[0].Mirrored {
			t.Fatalf("unreported: %v; an import read before its end must not count as mirrored", ended)
		}
		f.must(f.MarkMirrored(t.Context(), nil, ended))
		if got := f.get(imp); !got.Mirrored || got.Version != ended[0].Version+1 {
			t.Errorf("mirrored %v, version %d after %d", got.Mirrored, got.Version, ended[0].Version)
		}
	})
}

func TestAgesAreOfWhatWaits(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ages := func(wantOutbox, wantMirror bool) {
			t.Helper()
			outbox, err1 := f.UnpublishedAge(t.Context())
			mirror, err2 := f.UnmirroredAge(t.Context())
			f.must(errors.Join(err1, err2))
			if outbox > 0 != wantOutbox || mirror > 0 != wantMirror || max(outbox, mirror) > time.Minute {
				t.Errorf("ages %v of the outbox, %v of what is not mirrored; want some: %v, %v", outbox, mirror, wantOutbox, wantMirror)
			}
		}
		ages(false, false)
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		ages(true, false)
		batch := []bulk.BatchID{{Import: imp.ID}}
		f.must(f.MarkPublished(t.Context(), batch, 0))
		ages(false, false)
		f.commit(imp, 0, row{1, "a", "one"})
		ages(false, true)
		f.must(f.MarkMirrored(t.Context(), batch, []bulk.Import{f.get(imp)}))
		ages(false, false)
		before := f.get(imp)
		if n, err := f.ForgetMirrored(t.Context()); err != nil || n != 1 || !before.Mirrored || f.get(imp).Mirrored {
			t.Errorf("%d batches forgotten, %v; mirrored %v, then %v", n, err, before.Mirrored, f.get(imp).Mirrored)
		}
		ages(false, true)
	})
}

// oneClock is an engine whose database's clock stands still, far from this process's.
type oneClock struct{ engine }

func (oneClock) sharedClock() string { return `TIMESTAMPTZ '2001-02-03 04:05:06Z'` }

// Processes have clocks of their own; what is compared or subtracted comes from the
// database's.
func TestTimesComeFromOneClock(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		if f.engine.sharedClock() == "" {
			t.Skip("one process has the file, and its clock is the only one")
		}
		f.engine = oneClock{f.engine}
		want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		f.must(f.MarkPublished(t.Context(), []bulk.BatchID{{Import: imp.ID}}, 0))
		f.commit(imp, 0, row{1, "a", "one"})
		f.must(f.MarkMirrored(t.Context(), []bulk.BatchID{{Import: imp.ID}}, nil))
		cancelled := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		_, err := f.Cancel(t.Context(), f.account, cancelled.ID)
		f.must(err)
		for _, column := range []string{"staged_at", "published_at", "committed_at", "mirrored_at"} {
			var at time.Time
			f.must(f.read.GetContext(t.Context(), &at, `SELECT `+column+` FROM batches WHERE import_id = ?`, imp.ID))
			if !at.Equal(want) {
				t.Errorf("%s is %v, want the database's clock", column, at)
			}
		}
		done, ended := f.get(imp), f.get(cancelled)
		for name, at := range map[string]*time.Time{
			"created_at": &done.CreatedAt, "as answered": &imp.CreatedAt, "started_at": done.StartedAt, "finished_at": done.FinishedAt, "finished_at of a cancelled one": ended.FinishedAt,
		} {
			if at == nil || !at.Equal(want) {
				t.Errorf("%s is %v, want the database's clock", name, at)
			}
		}
		events, err := f.ImportEvents(t.Context(), f.account, imp.ID, bulk.Window{Limit: 10})
		f.must(err)
		for _, e := range events {
			if !e.At.Equal(want) {
				t.Errorf("event %q at %v, want the database's clock", e.Text, e.At)
			}
		}
	})
}

// The relay of commits and the mirror mark the same batches at once, as do several
// relays of references, each in an order of its own.
func TestMarksInAnyOrderDoNotDeadlock(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		committed, staged := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{}), f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		var done, waiting []bulk.BatchID
		for no := range int64(16) {
			f.stageOpen(committed, 1)
			f.stageOpen(staged, 1)
			f.commit(committed, no, row{no + 1, fmt.Sprint("c", no), "one"})
			done, waiting = append(done, bulk.BatchID{Import: committed.ID, No: no}), append(waiting, bulk.BatchID{Import: staged.ID, No: no})
		}
		marks := []func(ids []bulk.BatchID) error{
			func([]bulk.BatchID) error { return f.MarkMirrored(t.Context(), done, nil) },
			func(back []bulk.BatchID) error { return f.Commits().MarkPublished(t.Context(), back[:16], 0) },
			func([]bulk.BatchID) error { return f.MarkPublished(t.Context(), waiting, 0) },
			func(back []bulk.BatchID) error { return f.MarkPublished(t.Context(), back[16:], 0) },
		}
		back := slices.Concat(done, waiting)
		slices.Reverse(back[:16])
		slices.Reverse(back[16:])
		var wg sync.WaitGroup
		for _, mark := range marks {
			wg.Go(func() {
				for range 50 {
					if err := mark(back); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestAppliedRecordsAreThoseThatTheBatchLeft(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 2, 2)
		first, second := f.work(imp, 0), f.work(imp, 1)
		f.commit(imp, 0, row{1, "a", "one"}, row{2, "b", "two"})
		f.commit(imp, 1, row{3, "b", "three"}, row{4, "c", "four"})
		got, err := f.AppliedRecords(t.Context(), first, [][]bulk.Value{{"a"}, {"b"}, {"c"}, {"d"}})
		f.must(err)
		if !slices.Equal(got.RowNo, []int64{1}) || got.Values[0][1] != "one" || !slices.Equal(got.Columns, []string{"id", "name", "size"}) {
			t.Errorf("left by the first batch: %+v", got)
		}
		var many [][]bulk.Value
		for range 250 {
			many = append(many, []bulk.Value{"none"})
		}
		got, err = f.AppliedRecords(t.Context(), second, append(many, []bulk.Value{"b"}, []bulk.Value{"c"}))
		f.must(err)
		slices.Sort(got.RowNo)
		if !slices.Equal(got.RowNo, []int64{3, 4}) {
			t.Errorf("left by the second batch: rows %v", got.RowNo)
		}
	})
}

func TestAppliedRecordsByKeysOfEveryType(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		spec := bulk.Spec{Name: "typed", Key: []string{"day", "amount", "at", "on"}, Columns: []bulk.Column{
			{Name: "amount", Type: bulk.TypeDecimal},
			{Name: "day", Type: bulk.TypeDate},
			{Name: "at", Type: bulk.TypeTimestamp},
			{Name: "on", Type: bulk.TypeBoolean},
			{Name: "n", Type: bulk.TypeInteger},
			{Name: "f", Type: bulk.TypeFloat},
			{Name: "j", Type: bulk.TypeJSON},
		}}
		_, err := f.ApplyDataset(t.Context(), spec)
		f.must(err)
		imp, _, err := f.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: "typed", Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: "t.csv", Size: -1}, 0)
		f.must(err)
		f.stage(imp, 1)
		w := f.work(imp, 0)
		values := []bulk.Value{"-12.5", "0044-03-15", "1969-07-20T20:17:40.000001Z", true, int64(-9007199254740993), 0.1 + 0.2, `{"a": 1}`}
		w.Import.Layout.Fields = []string{"amount", "day", "at", "on", "n", "f", "j"}
		_, err = f.Commit(t.Context(), bulk.ValidatedBatch{Task: w, Lease: bulk.Lease{Node: "node_test"}, Records: bulk.Records{
			Columns: w.Import.Layout.Fields, RowNo: []int64{1}, LineNo: []int64{2}, Keys: []string{"k"}, Values: [][]bulk.Value{values},
		}})
		f.must(err)
		got, err := f.AppliedRecords(t.Context(), w, [][]bulk.Value{{"0044-03-15", "-12.5", "1969-07-20T20:17:40.000001Z", true}})
		f.must(err)
		if len(got.Values) != 1 || !slices.Equal(got.Values[0], values) {
			t.Errorf("got %v, want %v", got.Values, values)
		}
		var keys []bulk.Value
		f.must(f.RecordsBetween(t.Context(), bulk.RecordRange{Account: f.account, Spec: spec, Limit: 10}, func(r bulk.Record) bool {
			keys = append(keys, r.Values...)
			return true
		}))
		if !slices.Equal(keys, values) {
			t.Errorf("read %v, want %v", keys, values)
		}
	})
}

// Decimals are in the order of their text, since that is what analytics have.
func TestRecordsBetweenKeysOfEveryType(t *testing.T) {
	keys := map[bulk.Type][]bulk.Value{
		bulk.TypeText:      {"", "A", "a", "é", "\U0001F600"},
		bulk.TypeInteger:   {int64(-9007199254740993), int64(-1), int64(2), int64(10)},
		bulk.TypeDecimal:   {"-1.5", "-10", "0.5", "10", "12", "9"},
		bulk.TypeBoolean:   {false, true},
		bulk.TypeDate:      {"0044-03-15", "1969-12-31", "2024-02-29"},
		bulk.TypeTimestamp: {"0044-03-15T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z"},
	}
	onEngines(t, func(t *testing.T, f *fixture) {
		for kind, want := range keys {
			spec := bulk.Spec{Name: bulk.DatasetName("by_" + kind), Key: []string{"k"}, Columns: []bulk.Column{{Name: "k", Type: kind}}}
			_, err := f.ApplyDataset(t.Context(), spec)
			f.must(err)
			for i, k := range want {
				_, err := f.write.Exec(f.write.Rebind(`INSERT INTO `+spec.Table()+` (_account_id, k, _op_seq, _row_no) VALUES (?, ?, 1, ?)`), f.account, k, i)
				f.must(err)
			}
			read := func(after, upTo []bulk.Value, limit int) (got []bulk.Value) {
				f.must(f.RecordsBetween(t.Context(), bulk.RecordRange{Account: f.account, Spec: spec, After: after, UpTo: upTo, Limit: limit}, func(r bulk.Record) bool {
					got = append(got, r.Values[0])
					return true
				}))
				return got
			}
			if got := read(nil, nil, 100); !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", kind, got, want)
			}
			if got := read(want[:1], want[1:2], 100); !slices.Equal(got, want[1:2]) {
				t.Errorf("%s after the first, up to the second: %v", kind, got)
			}
			if got := read(nil, nil, 1); !slices.Equal(got, want[:1]) {
				t.Errorf("one %s: %v", kind, got)
			}
		}
	})
}
