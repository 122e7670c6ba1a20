package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
