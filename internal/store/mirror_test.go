package store

import (
	"errors"
	"slices"
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
		f.must(f.Commits().MarkPublished(t.Context(), []bulk.BatchID{refs[0].ID(), {Import: imp.ID, No: 0}}, time.Now()))
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
		soon := time.Now().Add(time.Hour)
		due, err := f.Unmirrored(t.Context(), bulk.Committed{}, soon, 10)
		f.must(err)
		if len(due) != 1 || due[0].No != 0 {
			t.Fatalf("unmirrored: %v, want batch 0", due)
		}
		if rest, err := f.Unmirrored(t.Context(), due[0], soon, 10); err != nil || len(rest) != 0 {
			t.Fatalf("after the only one: %v, %v", rest, err)
		}
		early := f.get(imp)
		f.commit(imp, 1, row{2, "b", "two"})
		f.seal(imp)
		f.must(f.MarkMirrored(t.Context(), []bulk.BatchID{due[0].BatchID}, []bulk.Import{early}))
		if _, err := f.Landed(t.Context(), due[0].BatchID); !errors.Is(err, bulk.ErrSkip) {
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

func TestLandedRecordsAreThoseThatTheBatchLeft(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 2, 2)
		first, second := f.work(imp, 0), f.work(imp, 1)
		f.commit(imp, 0, row{1, "a", "one"}, row{2, "b", "two"})
		f.commit(imp, 1, row{3, "b", "three"}, row{4, "c", "four"})
		got, err := f.LandedRecords(t.Context(), first, [][]bulk.Value{{"a"}, {"b"}, {"c"}, {"d"}})
		f.must(err)
		if !slices.Equal(got.RowNo, []int64{1}) || got.Values[0][1] != "one" || !slices.Equal(got.Columns, []string{"id", "name", "size"}) {
			t.Errorf("left by the first batch: %+v", got)
		}
		var many [][]bulk.Value
		for range 250 {
			many = append(many, []bulk.Value{"none"})
		}
		got, err = f.LandedRecords(t.Context(), second, append(many, []bulk.Value{"b"}, []bulk.Value{"c"}))
		f.must(err)
		slices.Sort(got.RowNo)
		if !slices.Equal(got.RowNo, []int64{3, 4}) {
			t.Errorf("left by the second batch: rows %v", got.RowNo)
		}
	})
}

func TestDigestsTellCopiesApart(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		d, err := f.Dataset(t.Context(), "things")
		f.must(err)
		digest := func() bulk.Digest {
			t.Helper()
			all, err := f.Digests(t.Context(), d)
			f.must(err)
			return all[f.account]
		}
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		f.commit(imp, 0, row{1, "a", "one"})
		// Weights are places: id has 1 byte, name 3, size is 3.
		want := bulk.Digest{Rows: 1, Versions: 32 * 32, Values: 1*2 + 2*4 + 3*(3+bulk.DigestModulus+1)}
		if got := digest(); got != want {
			t.Errorf("digest %+v, want %+v", got, want)
		}
	})
}
