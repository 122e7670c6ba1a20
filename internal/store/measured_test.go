package store

import (
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// since moves a time of an import back, as if it had been longer ago.
func (f *fixture) since(imp bulk.Import, column string, ago time.Duration) {
	f.t.Helper()
	clock, err := f.Now(f.t.Context())
	f.must(err)
	_, err = f.write.Exec(f.write.Rebind(`UPDATE imports SET `+column+` = ? WHERE id = ?`), clock.Add(-ago), imp.ID)
	f.must(err)
}

func (f *fixture) batches(imp bulk.Import) []bulk.Batch {
	f.t.Helper()
	out, err := f.Batches(f.t.Context(), imp.AccountID, bulk.BatchID{Import: imp.ID, No: -1}, 10)
	f.must(err)
	return out
}

func TestWaitsAreKeptWithTheBatch(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1, 1)
		f.must(f.MarkPublished(t.Context(), []bulk.BatchID{{Import: imp.ID}}, 3*time.Second))
		refs, err := f.StillStaged(t.Context(), []bulk.BatchRef{{Import: imp.ID, No: 0}, {Import: imp.ID, No: 1}, {Import: imp.ID, No: 2}})
		f.must(err)
		if len(refs) != 2 || refs[0].Waited < 3*time.Second || refs[0].Waited > time.Minute || refs[1].Waited != 0 {
			t.Errorf("still staged: %+v, want the published one 3 s old", refs)
		}
		c := commitOf(f.work(imp, 0), row{1, "a", "one"})
		c.Lease.Attempt, c.Lease.Waits = 3, bulk.Waits{Queued: time.Second, Paused: 2 * time.Second, Backoff: 3 * time.Second, Failed: 4 * time.Second}
		_, err = f.Commit(t.Context(), c)
		f.must(err)
		b, waiting := f.batches(imp)[0], f.batches(imp)[1]
		if b.Attempts != 3 || *b.QueueMS != 1000 || *b.PausedMS != 2000 || *b.BackoffMS != 3000 || *b.FailedMS != 4000 {
			t.Errorf("waits of %+v", b)
		}
		if b.PublishedAt == nil || b.LeasedAt == nil || b.LeasedAt.Before(*b.PublishedAt) || b.CommittedAt.Before(*b.LeasedAt) {
			t.Errorf("published %v, leased %v, committed %v: want them in this order", b.PublishedAt, b.LeasedAt, b.CommittedAt)
		}
		if waiting.LeasedAt != nil || waiting.QueueMS != nil || waiting.CommittedAt != nil {
			t.Errorf("of a batch that waits is known: %+v", waiting)
		}
	})
}

func TestPausesAreAddedUp(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		pause := func(imp bulk.Import) {
			t.Helper()
			_, err := f.Pause(t.Context(), f.account, imp.ID)
			f.must(err)
			f.since(imp, "paused_at", 5*time.Second)
		}
		want := func(imp bulk.Import, least int64) {
			t.Helper()
			if got := f.get(imp).PausedMS; got < least || got > least+60_000 {
				t.Errorf("paused for %d ms, want %d", got, least)
			}
		}
		imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(imp, 1)
		want(imp, 0)
		pause(imp)
		_, err := f.Resume(t.Context(), f.account, imp.ID)
		f.must(err)
		want(imp, 5000)
		w := f.work(imp, 0)
		pause(imp)
		_, err = f.Commit(t.Context(), commitOf(w, row{1, "a", "one"})) // was under way
		f.must(err)
		want(imp, 10_000)
		cancelled := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		f.stage(cancelled, 1)
		pause(cancelled)
		_, err = f.Cancel(t.Context(), f.account, cancelled.ID)
		f.must(err)
		want(cancelled, 5000)
	})
}

// A dry run commits nothing and rejects nothing until it is approved.
func TestDryRunsAreNotCountedAsDone(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		check := func() bulk.Import {
			imp := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{DryRun: true})
			f.stage(imp, 2)
			f.must(f.Check(t.Context(), commitOf(f.work(imp, 0), row{1, "a", "one"})))
			return imp
		}
		none := func(imp bulk.Import) {
			t.Helper()
			if b := f.batches(imp)[0]; b.CommittedAt != nil {
				t.Errorf("%s batch was committed at %v", b.State, b.CommittedAt)
			}
			if r, err := f.Rejects(t.Context(), []bulk.ImportID{imp.ID}); err != nil || len(r) != 0 {
				t.Errorf("rejects %v, %v of a dry run that is %s", r, err, f.get(imp).State)
			}
		}
		cancelled, approved := check(), check()
		none(cancelled)
		_, err := f.Cancel(t.Context(), f.account, cancelled.ID)
		f.must(err)
		none(cancelled)
		f.since(approved, "checked_at", 7*time.Second)
		_, err = f.Approve(t.Context(), f.account, approved.ID)
		f.must(err)
		if ms := f.get(approved).ApprovalMS; ms == nil || *ms < 7000 || *ms > 67_000 {
			t.Errorf("waited %v ms for approval, want 7000", ms)
		}
		f.commit(approved, 0, row{1, "a", "one"})
		if r, err := f.Rejects(t.Context(), []bulk.ImportID{approved.ID}); err != nil || len(r[approved.ID]) != 1 || r[approved.ID][0].Count != 1 {
			t.Errorf("rejects %v, %v of the approved one", r, err)
		}
		ended, err := f.EndedBatches(t.Context(), f.account, bulk.BatchID{}, 10)
		f.must(err)
		if len(ended) != 2 || ended[0].Batch.State != bulk.BatchDropped || ended[1].Batch.State != bulk.BatchCommitted || ended[1].Import.Dataset != "things" {
			t.Errorf("ended: %+v", ended)
		}
		open := f.newImport(f.account, bulk.ModeUpsert, bulk.Options{})
		flight, err := f.InFlight(t.Context())
		f.must(err)
		if len(flight) != 1 || flight[0].ID != open.ID || flight[0].Version != f.get(open).Version {
			t.Errorf("in flight: %+v, want the open one", flight)
		}
	})
}
