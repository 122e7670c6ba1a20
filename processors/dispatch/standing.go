package dispatch

import (
	"context"
	"maps"
	"slices"

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

// refresh reads weights and holds of everything that is queued here. With an
// empty queue it asks nothing.
func (d *Dispatcher) refresh(ctx context.Context) {
	known := d.ask(ctx, d.queued())
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(known)
}

// ask reads standing. While the ledger does not answer, what was known last holds.
func (d *Dispatcher) ask(ctx context.Context, s subjects) answer {
	if len(s.imports) == 0 {
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
