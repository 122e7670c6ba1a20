package store

import (
	"fmt"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestCapIsOfTheAccountAlone(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		other := f.newAccount("other", 1)
		capOf := func(id bulk.AccountID) *int {
			a, err := f.Account(t.Context(), id)
			f.must(err)
			return a.Cap
		}
		for _, want := range []*int{new(3), new(0), new(bulk.MaxCap), nil} {
			f.must(f.SetCap(t.Context(), f.account, want))
			st, err := f.Controls(t.Context(), []bulk.AccountID{f.account, other}, nil)
			f.must(err)
			got, bounded := st.Caps[f.account]
			if bounded != (want != nil) || bounded && got != *want {
				t.Errorf("controls has a cap %v of %d, want %v", bounded, got, want)
			}
			if read := capOf(f.account); (read == nil) != (want == nil) || read != nil && *read != *want {
				t.Errorf("the account has the cap %v, want %v", read, want)
			}
			if _, bounded := st.Caps[other]; bounded || capOf(other) != nil {
				t.Error("the cap of one account bounds another")
			}
		}
		wantKind(t, f.SetCap(t.Context(), f.account, new(-1)), bulk.KindInvalid)
		wantKind(t, f.SetCap(t.Context(), f.account, new(bulk.MaxCap+1)), bulk.KindInvalid)
		wantKind(t, f.SetCap(t.Context(), "acc_none", nil), bulk.KindNotFound)
	})
}

func TestFiveFailuresQuarantine(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1, 2)
		for n := 1; n <= bulk.MaxFailures; n++ {
			q, err := f.Fail(t.Context(), bulk.BatchID{Import: imp.ID, No: 1}, "node", "damaged object")
			f.must(err)
			if q != (n == bulk.MaxFailures) {
				t.Fatalf("failure %d: quarantined %v", n, q)
			}
		}
		f.commit(imp, 0, row{1, "a", ""})
		got := f.get(imp)
		wantState(t, got, bulk.StateFailed)
		wantCounts(t, got.Rows, bulk.Counts{Read: 3, Created: 1, Unprocessed: 2})
		if got.Error.Code != bulk.ErrQuarantined {
			t.Fatalf("error %+v", got.Error)
		}
	})
}

func TestOutboxAndQueueQueries(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1, 1, 1)
		refs, err := f.Unpublished(t.Context(), 10)
		f.must(err)
		if len(refs) != 3 || refs[0].Account != f.account || refs[0].Rows != 1 {
			t.Fatalf("unpublished %+v", refs)
		}
		f.must(f.MarkPublished(t.Context(), []bulk.BatchID{refs[0].ID(), refs[1].ID()}, 0))
		left, err := f.Unpublished(t.Context(), 10)
		f.must(err)
		if len(left) != 1 || left[0].No != 2 {
			t.Fatalf("left %+v", left)
		}
		f.commit(imp, 1, row{2, "b", ""})
		still, err := f.StillStaged(t.Context(), refs)
		f.must(err)
		if len(still) != 2 || still[0].No == 1 || still[1].No == 1 {
			t.Fatalf("still staged %+v", still)
		}
		page, err := f.StagedFor(t.Context(), -time.Hour, bulk.BatchID{Import: imp.ID, No: 0}, 10)
		f.must(err)
		if len(page) != 1 || page[0].No != 2 {
			t.Fatalf("staged before %+v", page)
		}
	})
}

// A dispatcher asks about everything that is queued, which may be more than a query takes.
func TestControlsOfManyImports(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		many := make([]bulk.ImportID, 70_000)
		for i := range many {
			many[i] = bulk.ImportID(fmt.Sprint("imp_", i))
		}
		many[len(many)-1] = imp.ID
		st, err := f.Controls(t.Context(), nil, many)
		f.must(err)
		if _, known := st.Paused[imp.ID]; !known || len(st.Paused) != 1 {
			t.Errorf("controls of %d imports, want that of the one there is", len(st.Paused))
		}
	})
}

// Imports are at work while batches of one wait, unless it is paused.
func TestImportingIsWhatWaits(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		expect := func(when string, want bool) {
			t.Helper()
			if got, err := f.Importing(t.Context()); err != nil || got != want {
				t.Errorf("%s: importing %v, %v", when, got, err)
			}
		}
		expect("nothing is there", false)
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		expect("nothing is staged", false)
		f.stage(imp, 1)
		expect("a batch waits", true)
		_, err := f.Pause(t.Context(), f.account, imp.ID)
		f.must(err)
		expect("it is paused", false)
		_, err = f.Resume(t.Context(), f.account, imp.ID)
		f.must(err)
		expect("it goes on", true)
		f.commit(imp, 0, row{1, "a", "n"})
		expect("it has ended", false)
	})
}
