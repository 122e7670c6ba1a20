package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func wantState(t *testing.T, got bulk.Import, want bulk.State) {
	t.Helper()
	if got.State != want {
		t.Fatalf("state %s, want %s (%+v)", got.State, want, got.Error)
	}
}

func wantKind(t *testing.T, err error, want bulk.Kind) {
	t.Helper()
	if bulk.KindOf(err) != want {
		t.Fatalf("error %v of kind %q, want %q", err, bulk.KindOf(err), want)
	}
}

// After cancelled not one more row lands, and the receipt balances (invariants 3, 10).
func TestCancelIsExact(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stageOpen(imp, 2, 2, 2)
		f.commit(imp, 0, row{1, "a", ""}, row{2, "b", ""})
		inFlight := commitOf(f.work(imp, 1), row{3, "c", ""}, row{4, "d", ""})

		got, err := f.Cancel(t.Context(), f.account, imp.ID)
		f.must(err)
		wantState(t, got, bulk.StateCancelled)
		wantCounts(t, got.Rows, bulk.Counts{Read: 6, Created: 2, Unprocessed: 4})
		if _, err := f.Commit(t.Context(), inFlight); !errors.Is(err, bulk.ErrSkip) {
			t.Fatalf("a commit after the cancel: %v", err)
		}
		f.wantUsage(f.account, 2)
		if _, err := f.TakeUpload(t.Context(), f.account, imp.ID); bulk.KindOf(err) != bulk.KindConflict {
			t.Fatalf("an upload after the cancel: %v", err)
		}
		again, err := f.Cancel(t.Context(), f.account, imp.ID)
		f.must(err)
		wantState(t, again, bulk.StateCancelled)
		r, err := f.Receipt(t.Context(), f.account, imp.ID)
		f.must(err)
		if !r.Balanced {
			t.Fatalf("receipt %+v", r)
		}
		batches, err := f.Batches(t.Context(), f.account, bulk.BatchID{Import: imp.ID, No: -1}, 10)
		f.must(err)
		for _, b := range batches[1:] {
			if b.State != bulk.BatchDropped || b.Rows.Unprocessed != 2 {
				t.Fatalf("batch %+v", b)
			}
		}
	})
}

// Between the two transactions of a cancel a batch is still staged, and its import closed.
func TestNoCommitWhileEnding(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stageOpen(imp, 1, 1)
		inFlight := commitOf(f.work(imp, 0), row{1, "a", ""})
		f.must(f.tx(t.Context(), "first half", func(tx *txn) error {
			return end(t.Context(), tx, importKey{f.account, imp.ID}, ending{outcome: bulk.StateCancelled})
		}))
		if _, err := f.Commit(t.Context(), inFlight); !errors.Is(err, bulk.ErrSkip) {
			t.Fatalf("a commit during the cancel: %v", err)
		}
		f.wantUsage(f.account, 0)
		f.must(errors.Join(f.Sweep(t.Context())...))
		got := f.get(imp)
		wantState(t, got, bulk.StateCancelled)
		wantCounts(t, got.Rows, bulk.Counts{Read: 2, Unprocessed: 2})
	})
}

func TestCancelAgainstCommits(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for range 20 {
			account := f.newAccount(string(bulk.NewUserID()), 1000)
			imp := f.newImport(account, bulk.ModeCreate, bulk.Options{})
			f.stage(imp, 1, 1, 1, 1, 1, 1)
			var wg sync.WaitGroup
			for no := range int64(6) {
				c := commitOf(f.work(imp, no), row{no + 1, string(rune('a' + no)), ""})
				wg.Go(func() {
					if _, err := f.Commit(t.Context(), c); err != nil && !errors.Is(err, bulk.ErrSkip) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				if _, err := f.Cancel(t.Context(), account, imp.ID); err != nil && bulk.KindOf(err) != bulk.KindConflict {
					t.Error(err)
				}
			})
			wg.Wait()
			got := f.get(imp)
			if !got.State.Terminal() || got.Rows.Sum() != 6 || got.Batches.Staged != 0 {
				t.Fatalf("import %+v", got)
			}
			f.wantUsage(account, got.Rows.Created)
		}
	})
}

func TestPauseHoldsBatches(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1)
		got, err := f.Pause(t.Context(), f.account, imp.ID)
		f.must(err)
		wantState(t, got, bulk.StatePaused)
		if _, err := f.BatchTask(t.Context(), bulk.BatchID{Import: imp.ID}); !errors.Is(err, bulk.ErrPaused) {
			t.Fatalf("work of a paused import: %v", err)
		}
		st, err := f.Controls(t.Context(), []bulk.AccountID{f.account}, []bulk.ImportID{imp.ID})
		f.must(err)
		if !st.Paused[imp.ID] || st.Ended[imp.ID] || st.Weights[f.account] != 1 {
			t.Fatalf("controls %+v", st)
		}
		got, err = f.Resume(t.Context(), f.account, imp.ID)
		f.must(err)
		wantState(t, got, bulk.StateProcessing)
		f.commit(imp, 0, row{1, "a", ""})
		wantState(t, f.get(imp), bulk.StateCompleted)
		_, err = f.Pause(t.Context(), f.account, imp.ID)
		wantKind(t, err, bulk.KindConflict)
	})
}

func TestDryRunCommitsAfterApproval(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{DryRun: true})
		f.stage(imp, 3, 1)
		wantState(t, f.get(imp), bulk.StateValidating)
		check := func() {
			f.must(f.Check(t.Context(), commitOf(f.work(imp, 0), row{1, "a", ""}, row{2, "b", ""})))
			f.must(f.Check(t.Context(), commitOf(f.work(imp, 1), row{4, "c", ""})))
		}
		check()
		got := f.get(imp)
		wantState(t, got, bulk.StateAwaitingApproval)
		wantCounts(t, got.Rows, bulk.Counts{Read: 4, Rejected: 1})
		f.wantUsage(f.account, 0)

		_, err := f.Approve(t.Context(), f.account, imp.ID)
		f.must(err)
		w := f.work(imp, 0)
		if w.DryRun {
			t.Fatal("an approved import is still checked only")
		}
		f.commit(imp, 0, row{1, "a", ""}, row{2, "b", ""})
		f.commit(imp, 1, row{4, "c", ""})
		got = f.get(imp)
		wantState(t, got, bulk.StateCompletedWithRejects)
		wantCounts(t, got.Rows, bulk.Counts{Read: 4, Created: 3, Rejected: 1})
		cl, err := f.RejectGroups(t.Context(), f.account, imp.ID)
		f.must(err)
		if len(cl) != 1 || cl[0].Count != 1 {
			t.Fatalf("groups counted twice: %+v", cl)
		}

		dropped := f.newImport(f.account, bulk.ModeCreate, bulk.Options{DryRun: true})
		f.stage(dropped, 2)
		f.must(f.Check(t.Context(), commitOf(f.work(dropped, 0), row{1, "z", ""})))
		got, err = f.Cancel(t.Context(), f.account, dropped.ID)
		f.must(err)
		wantCounts(t, got.Rows, bulk.Counts{Read: 2, Rejected: 1, Unprocessed: 1})
		batches, err := f.Batches(t.Context(), f.account, bulk.BatchID{Import: dropped.ID, No: -1}, 10)
		f.must(err)
		if b := batches[0]; b.State != bulk.BatchDropped || b.Rows.Rejected != 1 || b.Rows.Unprocessed != 1 || b.Rows.Sum() != b.Rows.Read {
			t.Fatalf("the dropped batch has %+v", b)
		}
	})
}

// An import happens when it is approved: what landed since the dry run began is earlier.
func TestApprovalTakesTheLastPlace(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		dry := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{DryRun: true})
		f.stage(dry, 2)
		later := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(later, 1)
		f.commit(later, 0, row{1, "a", "later"})
		f.must(f.Check(t.Context(), commitOf(f.work(dry, 0), row{1, "a", "dry"}, row{2, "b", "dry"})))
		got, err := f.Approve(t.Context(), f.account, dry.ID)
		f.must(err)
		if got.OpSeq <= f.get(later).OpSeq {
			t.Fatalf("the approved import has place %d, the one that landed before %d", got.OpSeq, f.get(later).OpSeq)
		}
		f.commit(dry, 0, row{1, "a", "dry"}, row{2, "b", "dry"})
		wantCounts(t, f.get(dry).Rows, bulk.Counts{Read: 2, Created: 1, Updated: 1})
		if got, want := f.live(f.account), []string{"a=dry", "b=dry"}; !slices.Equal(got, want) {
			t.Fatalf("live %v, want %v", got, want)
		}
		last := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		if last.OpSeq <= got.OpSeq {
			t.Fatalf("an import after the approval has place %d, not after %d", last.OpSeq, got.OpSeq)
		}
	})
}

// What steers an import may be said twice: the second time changes nothing and is no error.
func TestSteeringIsHarmlessWhenRepeated(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		twice := func(act func(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error), imp bulk.Import, want bulk.State) {
			t.Helper()
			first, err := act(t.Context(), f.account, imp.ID)
			f.must(err)
			again, err := act(t.Context(), f.account, imp.ID)
			f.must(err)
			wantState(t, first, want)
			if again.State != first.State || again.Version != first.Version || again.OpSeq != first.OpSeq {
				t.Fatalf("repeated: %+v, at first %+v", again, first)
			}
		}
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 1)
		twice(f.Pause, imp, bulk.StatePaused)
		twice(f.Resume, imp, bulk.StateProcessing)
		f.commit(imp, 0, row{1, "a", ""})
		twice(f.Resume, imp, bulk.StateCompleted)

		dry := f.newImport(f.account, bulk.ModeCreate, bulk.Options{DryRun: true})
		f.stage(dry, 1, 1)
		_, err := f.Approve(t.Context(), f.account, dry.ID)
		wantKind(t, err, bulk.KindConflict) // it is not checked yet
		f.must(f.Check(t.Context(), commitOf(f.work(dry, 0), row{1, "b", ""})))
		f.must(f.Check(t.Context(), commitOf(f.work(dry, 1), row{2, "c", ""})))
		twice(f.Approve, dry, bulk.StateProcessing)
		f.commit(dry, 0, row{1, "b", ""})
		twice(f.Approve, dry, bulk.StateProcessing)
		twice(f.Cancel, dry, bulk.StateCancelled)
		twice(f.Approve, dry, bulk.StateCancelled)
		wantCounts(t, f.get(dry).Rows, bulk.Counts{Read: 2, Created: 1, Unprocessed: 1})
		_, err = f.Resume(t.Context(), f.account, dry.ID)
		wantKind(t, err, bulk.KindConflict)
	})
}

func TestOnError(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for _, tt := range []struct {
			onError bulk.OnError
			want    bulk.State
		}{
			{"skip", bulk.StateCompletedWithRejects},
			{"abort", bulk.StateFailed},
			{"1", bulk.StateCompletedWithRejects},
			{"0", bulk.StateFailed},
			{"50%", bulk.StateCompletedWithRejects},
			{"10%", bulk.StateFailed},
		} {
			account := f.newAccount("on error "+string(tt.onError), 100)
			imp := f.newImport(account, bulk.ModeCreate, bulk.Options{OnError: tt.onError})
			f.stage(imp, 2, 1)
			f.commit(imp, 0, row{1, "a", ""})
			if w, err := f.BatchTask(t.Context(), bulk.BatchID{Import: imp.ID, No: 1}); err == nil {
				_, err = f.Commit(t.Context(), commitOf(w, row{3, "b", ""}))
				f.must(err)
			}
			got := f.get(imp)
			wantState(t, got, tt.want)
			if got.Rows.Sum() != got.Rows.Read {
				t.Fatalf("%s: %+v", tt.onError, got.Rows)
			}
			if tt.want == bulk.StateFailed && got.Error.Code != bulk.ErrTooManyRejects {
				t.Fatalf("%s: error %+v", tt.onError, got.Error)
			}
		}
	})
}

func TestHeaderAloneCompletesAtItsSeal(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for _, o := range []bulk.Options{{}, {DryRun: true}} {
			imp := f.newImport(f.account, bulk.ModeCreate, o)
			f.seal(imp)
			wantState(t, f.get(imp), bulk.StateCompleted)
		}
	})
}

// A process that dies between ending an import and winding it up leaves that to the sweep.
func TestSweepWindsUpAndExpires(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stage(imp, 4)
		_, err := f.write.Exec(f.write.Rebind(`UPDATE imports SET state = 'cancelling', outcome = 'cancelled' WHERE id = ?`), imp.ID)
		f.must(err)
		idle := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		_, err = f.write.Exec(f.write.Rebind(`UPDATE uploads SET expires_at = ? WHERE import_id = ?`), time.Now().UTC().Add(-time.Second), idle.ID)
		f.must(err)
		f.must(errors.Join(f.Sweep(t.Context())...))
		wantState(t, f.get(imp), bulk.StateCancelled)
		wantCounts(t, f.get(imp).Rows, bulk.Counts{Read: 4, Unprocessed: 4})
		got := f.get(idle)
		wantState(t, got, bulk.StateFailed)
		if got.Error.Code != bulk.ErrUploadExpired {
			t.Fatalf("error %+v", got.Error)
		}
	})
}
