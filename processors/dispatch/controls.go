package dispatch

import (
	"context"
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/schedule"
)

// refresh reads weights and pauses that people changed lately. What nobody touched costs
// nothing, however much of it is queued or paused here.
func (d *Dispatcher) refresh(ctx context.Context) {
	if d.idle() {
		return
	}
	accounts, imports, err := d.cfg.Ledger.Steered(ctx, steerWindow)
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "changes of controls unknown, the last ones hold", "error", err)
		return
	}
	d.update(ctx, d.among(accounts, imports))
}

// refreshAll reads the controls of everything that is queued here: a change may
// have been committed late, or noted by a clock that is wrong.
func (d *Dispatcher) refreshAll(ctx context.Context) { d.update(ctx, d.subjects()) }

// update asks for the controls of the subjects and acts on it.
func (d *Dispatcher) update(ctx context.Context, s schedule.Subjects) {
	known, of := d.ask(ctx, s)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.schedule.Steer(time.Now(), known, of)
	d.waiters.wake() // less may be due now: see AwaitDemand
}

func (d *Dispatcher) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Jobs() == 0
}

func (d *Dispatcher) subjects() schedule.Subjects {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Subjects()
}

// among returns those of the accounts and imports that have batches here.
func (d *Dispatcher) among(accounts []bulk.AccountID, imports []bulk.ImportID) schedule.Subjects {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Among(accounts, imports)
}

// ask reads the controls of some accounts and imports, and returns them with whom they
// are of: nobody, if the ledger does not answer. What was known last holds then.
func (d *Dispatcher) ask(ctx context.Context, s schedule.Subjects) (known bulk.Controls, of schedule.Subjects) {
	if len(s.Imports)+len(s.Accounts) == 0 {
		return known, of
	}
	known, err := d.cfg.Ledger.Controls(ctx, slices.Collect(maps.Keys(s.Accounts)), slices.Collect(maps.Keys(s.Imports)))
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "controls unknown, the last ones hold", "error", err)
		return known, of
	}
	return known, s
}
