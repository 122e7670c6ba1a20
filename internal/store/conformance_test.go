package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// inState brings imports into a state, each in the ways that matter. All but open ones have
// a batch, number 0.
var inState = map[string]func(f *fixture) bulk.Import{
	"open": func(f *fixture) bulk.Import { return f.newImport(f.account, bulk.ModeCreate, bulk.Options{}) },
	"receiving": func(f *fixture) bulk.Import {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{OnError: "abort"})
		f.stageOpen(imp, 1)
		return imp
	},
	"receiving, a header alone": func(f *fixture) bulk.Import {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stageOpen(imp)
		_, err := f.TakeUpload(f.t.Context(), f.account, imp.ID)
		f.must(err)
		return imp
	},
	"receiving, a dry run": func(f *fixture) bulk.Import {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{DryRun: true})
		f.stageOpen(imp, 1)
		return imp
	},
	"validating":                  func(f *fixture) bulk.Import { return f.staged(bulk.Options{DryRun: true}, 1) },
	"validating, more than one":   func(f *fixture) bulk.Import { return f.staged(bulk.Options{DryRun: true}, 1, 1) },
	"awaiting_approval":           (*fixture).checked,
	"processing":                  func(f *fixture) bulk.Import { return f.staged(bulk.Options{}, 1) },
	"processing, more than one":   func(f *fixture) bulk.Import { return f.staged(bulk.Options{}, 1, 1) },
	"processing, to stop at once": func(f *fixture) bulk.Import { return f.staged(bulk.Options{OnError: "abort"}, 1) },
	"processing, approved":        (*fixture).approved,
	"paused":                      func(f *fixture) bulk.Import { return f.after(f.Pause, f.staged(bulk.Options{}, 1)) },
	"paused, a dry run": func(f *fixture) bulk.Import {
		return f.after(f.Pause, f.staged(bulk.Options{DryRun: true}, 1))
	},
	"paused, unsealed": func(f *fixture) bulk.Import {
		imp := f.newImport(f.account, bulk.ModeCreate, bulk.Options{})
		f.stageOpen(imp, 1)
		return f.after(f.Pause, imp)
	},
	"paused, approved": func(f *fixture) bulk.Import { return f.after(f.Pause, f.approved()) },
	"cancelling":       func(f *fixture) bulk.Import { return f.ending(ending{outcome: bulk.StateCancelled}) },
	"cancelling, to fail": func(f *fixture) bulk.Import {
		return f.ending(failure(bulk.Errorf(bulk.KindUnprocessed, bulk.ErrNotCSV, "It is none.")))
	},
	"completed": func(f *fixture) bulk.Import {
		imp := f.staged(bulk.Options{}, 1)
		f.commit(imp, 0, row{1, string(imp.ID), ""})
		return imp
	},
	"completed, approved": func(f *fixture) bulk.Import {
		imp := f.approved()
		f.commit(imp, 0, row{1, string(imp.ID), ""})
		return imp
	},
	"completed_with_rejects": func(f *fixture) bulk.Import {
		imp := f.staged(bulk.Options{}, 1)
		f.commit(imp, 0)
		return imp
	},
	"failed": func(f *fixture) bulk.Import {
		imp := f.staged(bulk.Options{}, 1)
		f.must(f.Refuse(f.t.Context(), f.account, imp.ID, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrNotCSV, "It is none.")))
		return imp
	},
	"cancelled, approved": func(f *fixture) bulk.Import { return f.after(f.Cancel, f.approved()) },
	"cancelled":           func(f *fixture) bulk.Import { return f.after(f.Cancel, f.staged(bulk.Options{}, 1)) },
}

func (f *fixture) staged(o bulk.Options, sizes ...int) bulk.Import {
	imp := f.newImport(f.account, bulk.ModeCreate, o)
	f.stage(imp, sizes...)
	return imp
}

func (f *fixture) checked() bulk.Import {
	imp := f.staged(bulk.Options{DryRun: true}, 1)
	f.must(f.Check(f.t.Context(), commitOf(f.work(imp, 0), row{1, string(imp.ID), ""})))
	return imp
}

func (f *fixture) approved() bulk.Import { return f.after(f.Approve, f.checked()) }

func (f *fixture) ending(e ending) bulk.Import {
	imp := f.staged(bulk.Options{}, 1)
	f.must(f.tx(f.t.Context(), "first half", func(tx *txn) error {
		return end(f.t.Context(), tx, importKey{f.account, imp.ID}, e)
	}))
	return imp
}

func (f *fixture) after(act func(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error), imp bulk.Import) bulk.Import {
	imp, err := act(f.t.Context(), f.account, imp.ID)
	f.must(err)
	return imp
}

// attempt is something that is done to an import, and the table's word for it. Prepare
// returns what happens, and the facts that the table is to be asked with.
type attempt struct {
	name    string
	trigger bulk.Trigger
	prepare func(f *fixture, imp bulk.Import, facts bulk.Facts) (func() error, bulk.Facts)
}

var attempts = []attempt{
	{"a whole file comes", bulk.TriggerBegin, plainly(func(f *fixture, imp bulk.Import) error {
		_, err := f.BeginUpload(f.t.Context(), f.account, imp.ID)
		return err
	})},
	{"somebody takes the upload", bulk.TriggerReceive, plainly(func(f *fixture, imp bulk.Import) error {
		_, err := f.TakeUpload(f.t.Context(), f.account, imp.ID)
		return err
	})},
	{"the file goes on", bulk.TriggerReceive, advancing(func(*bulk.Progress) {})},
	{"the file ends", bulk.TriggerSeal, advancing(func(p *bulk.Progress) { p.Length, p.Seal = p.Offset, &bulk.Seal{SHA256: "digest"} })},
	{"a processor asks", bulk.TriggerLease, plainly(func(f *fixture, imp bulk.Import) error {
		_, err := f.BatchTask(f.t.Context(), bulk.BatchID{Import: imp.ID})
		return err
	})},
	{"a batch is done", bulk.TriggerSettle, settling(row{no: 1})},
	{"a batch is done, with a reject", bulk.TriggerSettle, settling()},
	{"a batch fails too often", bulk.TriggerSettle, func(f *fixture, imp bulk.Import, facts bulk.Facts) (func() error, bulk.Facts) {
		facts.Batches.Staged--
		facts.Batches.Quarantined++
		facts.Rows.Unprocessed++
		return func() error {
			for range bulk.MaxFailures {
				if _, err := f.Fail(f.t.Context(), bulk.BatchID{Import: imp.ID}, "node", "damaged"); err != nil {
					return err
				}
			}
			if !imp.State.AcceptsCommits() { // is no error of the processor's
				return bulk.ErrSkip
			}
			return nil
		}, facts
	}},
	{"pause", bulk.TriggerPause, acting((*Store).Pause)},
	{"resume", bulk.TriggerResume, acting((*Store).Resume)},
	{"approve", bulk.TriggerApprove, acting((*Store).Approve)},
	{"cancel", bulk.TriggerCancel, acting((*Store).Cancel)},
	{"the file is refused", bulk.TriggerFail, plainly(func(f *fixture, imp bulk.Import) error {
		return f.Refuse(f.t.Context(), f.account, imp.ID, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrNotCSV, "It is none."))
	})},
	{"the end", bulk.TriggerFinalize, plainly(func(f *fixture, imp bulk.Import) error {
		return f.finalize(f.t.Context(), importKey{f.account, imp.ID})
	})},
}

func plainly(do func(f *fixture, imp bulk.Import) error) func(*fixture, bulk.Import, bulk.Facts) (func() error, bulk.Facts) {
	return func(f *fixture, imp bulk.Import, facts bulk.Facts) (func() error, bulk.Facts) {
		return func() error { return do(f, imp) }, facts
	}
}

func acting(act func(*Store, context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error)) func(*fixture, bulk.Import, bulk.Facts) (func() error, bulk.Facts) {
	return plainly(func(f *fixture, imp bulk.Import) error {
		_, err := act(f.Store, f.t.Context(), f.account, imp.ID)
		return err
	})
}

// advancing makes a step of the upload, with the epoch of its last writer.
func advancing(change func(*bulk.Progress)) func(*fixture, bulk.Import, bulk.Facts) (func() error, bulk.Facts) {
	return plainly(func(f *fixture, imp bulk.Import) error {
		u, err := f.Upload(f.t.Context(), f.account, imp.ID)
		f.must(err)
		p := f.next(u)
		change(&p)
		return f.Advance(f.t.Context(), p)
	})
}

// settling commits batch 0, or checks it, as if it were staged and had been read before
// whatever happened to its import.
func settling(rows ...row) func(*fixture, bulk.Import, bulk.Facts) (func() error, bulk.Facts) {
	return func(f *fixture, imp bulk.Import, facts bulk.Facts) (func() error, bulk.Facts) {
		task := bulk.BatchTask{
			Account: f.account, Import: imp, Batch: bulk.Batch{Import: imp.ID, Rows: bulk.Counts{Read: 1}}, Spec: things,
			OpSeq: imp.OpSeq, DryRun: imp.Facts().Checking(),
		}
		facts.Batches.Staged--
		if len(rows) == 0 {
			facts.Rows.Rejected++
		} else {
			rows[0].id = string(imp.ID)
			if !task.DryRun {
				facts.Rows.Created++
			}
		}
		facts.Judged = max(facts.Rows.Sum(), 1)
		return func() (err error) {
			if task.DryRun {
				return f.Check(f.t.Context(), commitOf(task, rows...))
			}
			_, err = f.Commit(f.t.Context(), commitOf(task, rows...))
			return err
		}, facts
	}
}

// The store does to imports of every state what the table says, whatever is tried.
func TestStoreFollowsTheLifecycle(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		tried := map[bulk.State]bool{}
		for name, make := range inState {
			want, _, _ := strings.Cut(name, ",")
			tried[bulk.State(want)] = true
			for _, a := range attempts {
				imp := f.get(make(f))
				wantState(t, imp, bulk.State(want))
				if err := f.try(imp, a); err != nil {
					t.Errorf("%s, and %s: %v", name, a.name, err)
				}
			}
		}
		for _, s := range bulk.States {
			if !tried[s] {
				t.Errorf("no import that is %s was tried", s)
			}
		}
	})
}

// try does it, and says where what came of it differs from the table.
func (f *fixture) try(imp bulk.Import, a attempt) error {
	var r importRow
	var batches int
	f.must(f.read.GetContext(f.t.Context(), &r, `SELECT `+importColumns+` FROM imports WHERE id = ?`, imp.ID))
	f.must(f.read.GetContext(f.t.Context(), &batches, `SELECT COUNT(*) FROM batches WHERE import_id = ?`, imp.ID))
	if a.trigger == bulk.TriggerLease || a.trigger == bulk.TriggerSettle {
		if batches == 0 {
			return nil
		}
		_, err := f.write.Exec(f.write.Rebind(`UPDATE batches SET state = 'staged' WHERE import_id = ? AND no = 0`), imp.ID)
		f.must(err)
	}
	var o bulk.Options
	f.must(json.Unmarshal([]byte(r.Options), &o))
	act, facts := a.prepare(f, imp, r.facts(o))
	want, refused := r.State.Next(a.trigger, facts)
	stop := a.trigger == bulk.TriggerCancel || a.trigger == bulk.TriggerFail
	if want == bulk.StateCancelling && (stop || want != r.State) { // it goes on at once
		if want != r.State {
			facts.Outcome = bulk.StateFailed
		}
		if want != r.State && a.trigger == bulk.TriggerCancel {
			facts.Outcome = bulk.StateCancelled
		}
		want, _ = want.Next(bulk.TriggerFinalize, facts)
	}
	if a.trigger == bulk.TriggerSeal && refused == nil { // perhaps no batch is left
		facts.Sealed = true
		want, refused = want.Next(bulk.TriggerSettle, facts)
	}
	err := act()
	got := f.get(imp)
	switch {
	case fmt.Sprint(err) != fmt.Sprint(refused) && !errors.Is(err, refused):
		return fmt.Errorf("got %q, want %q", fmt.Sprint(err), fmt.Sprint(refused))
	case got.State != want:
		return fmt.Errorf("it is %s, want %s", got.State, want)
	case got.State.Terminal() != (got.FinishedAt != nil):
		return fmt.Errorf("it finished at %v", got.FinishedAt)
	}
	return nil
}
