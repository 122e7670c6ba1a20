package dispatch

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// inheritance is a lease that another dispatcher granted, of a partition that came here.
type inheritance struct {
	bulk.Holding
	until time.Time
}

// askHolders returns what processors hold of the partitions that are new here. Nobody
// answering costs only double work, which the commit guards.
func (d *Dispatcher) askHolders(ctx context.Context, assigned map[int32]int32) []bulk.Holding {
	if d.cfg.Holders == nil || !d.gains(assigned) {
		return nil
	}
	held, err := d.cfg.Holders.Held(ctx)
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "processors do not say what they hold, it may be done twice", "error", err)
	}
	return held
}

// gains reports whether a partition is among the assigned that was not owned before.
func (d *Dispatcher) gains(assigned map[int32]int32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range assigned {
		if _, owned := d.assigned[p]; !owned {
			return true
		}
	}
	return false
}

// inherit remembers held leases until the references of their batches come.
func (d *Dispatcher) inherit(held []bulk.Holding, before map[int32]int32) {
	for _, h := range held {
		p := d.cfg.References.PartitionOf(h.Lease.Ref.Account)
		_, owned := before[p]
		if _, ours := d.assigned[p]; ours && !owned {
			d.inherited[h.Lease.Ref.ID()] = inheritance{h, time.Now().Add(leaseLeast)}
		}
	}
}

// resume enters a job as in flight if a processor holds its batch already.
func (d *Dispatcher) resume(j *job) bool {
	h, ok := d.inherited[j.ref.ID()]
	if !ok {
		return false
	}
	delete(d.inherited, j.ref.ID())
	now := time.Now()
	l := &lease{id: h.Lease.ID, node: h.Node, job: j, predicted: d.predict(j.ref), granted: now}
	l.cost = l.predicted
	l.expires = now.Add(d.term(l))
	j.attempts = h.Lease.Attempt
	d.queue.Resume(j.ref)
	d.steer(j.ref.Account)
	d.enter(l)
	return true
}

// inherits reports whether the lease is one whose batch no reference has brought yet.
func (d *Dispatcher) inherits(node bulk.NodeID, l bulk.Lease) bool {
	h, ok := d.inherited[l.Ref.ID()]
	return ok && h.Node == node && h.Lease.ID == l.ID
}

// disinherit forgets leases whose batches no reference brought: they have ended.
func (d *Dispatcher) disinherit(now time.Time) {
	for id, h := range d.inherited {
		if now.After(h.until) {
			delete(d.inherited, id)
		}
	}
}
