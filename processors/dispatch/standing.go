package dispatch

import (
	"context"
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// subjects are what a question about standing is about.
type subjects struct {
	accounts map[bulk.AccountID]bool
	imports  map[bulk.ImportID]bool
}

// answer is the standing of the subjects that were asked about; nil imports: the
// ledger did not answer.
type answer struct {
	Standing
	imports map[bulk.ImportID]bool
}

func subjectsOf(refs []bulk.BatchRef) subjects {
	s := subjects{make(map[bulk.AccountID]bool), make(map[bulk.ImportID]bool)}
	for _, ref := range refs {
		s.accounts[ref.Account], s.imports[ref.Import] = true, true
	}
	return s
}

// queued returns every account and import that has batches here.
func (d *Dispatcher) queued() subjects {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := subjectsOf(nil)
	for id, imp := range d.imports {
		s.accounts[imp.account], s.imports[id] = true, true
	}
	return s
}

// refresh reads weights and holds that people changed lately. What nobody touched costs
// nothing, however much of it is queued or paused here.
func (d *Dispatcher) refresh(ctx context.Context) {
	if d.idle() {
		return
	}
	accounts, imports, err := d.cfg.Ledger.Steered(ctx, time.Now().Add(-steerWindow))
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "changes of standing unknown, the last one holds", "error", err)
		return
	}
	d.update(ctx, d.among(accounts, imports))
}

// refreshAll reads weights and holds of everything that is queued here: a change may
// have been committed late, or noted by a clock that is wrong.
func (d *Dispatcher) refreshAll(ctx context.Context) { d.update(ctx, d.queued()) }

// update asks how the subjects stand and acts on it.
func (d *Dispatcher) update(ctx context.Context, s subjects) {
	known := d.ask(ctx, s)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(known)
}

func (d *Dispatcher) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.imports) == 0
}

// among returns those of the accounts and imports that have batches here.
func (d *Dispatcher) among(accounts []bulk.AccountID, imports []bulk.ImportID) subjects {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := subjectsOf(nil)
	for _, id := range accounts {
		if d.accounts[id] != nil {
			s.accounts[id] = true
		}
	}
	for _, id := range imports {
		if d.imports[id] != nil {
			s.imports[id] = true
		}
	}
	return s
}

// ask reads standing. While the ledger does not answer, what was known last holds.
func (d *Dispatcher) ask(ctx context.Context, s subjects) answer {
	if len(s.imports)+len(s.accounts) == 0 {
		return answer{}
	}
	known, err := d.cfg.Ledger.Standing(ctx, slices.Collect(maps.Keys(s.accounts)), slices.Collect(maps.Keys(s.imports)))
	if err != nil {
		d.cfg.Log.DebugContext(ctx, "standing unknown, the last one holds", "error", err)
		return answer{}
	}
	return answer{Standing: known, imports: s.imports}
}

// apply acts on what people changed.
func (d *Dispatcher) apply(known answer) {
	for account, weight := range known.Weights {
		if t := d.accounts[account]; t != nil {
			t.weight, t.cap = weight, capOf(known.Caps, account)
			d.steer(account)
		}
	}
	for id := range known.imports {
		imp := d.imports[id]
		switch paused := known.Paused[id]; {
		case imp == nil:
		case known.Ended[id]:
			d.drop(id)
		case paused && !imp.held:
			imp.held, imp.wait = true, nil // nobody foresees for how long
			d.queue.Hold(id)
		case !paused && imp.held:
			imp.held = false
			d.queue.Release(id)
			d.signal()
		}
	}
}

// drop ends the waiting jobs of an import that ended. Those on lease end with
// their lease.
func (d *Dispatcher) drop(id bulk.ImportID) {
	for _, batch := range d.queue.Drop(id) {
		d.end(d.jobs[batch])
	}
	for _, j := range slices.Clone(d.backoff) {
		if j.ref.Import == id {
			d.end(j)
		}
	}
}
