package dispatch

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
)

var _ processors.Dispatcher = (*Dispatcher)(nil)

// Lease waits until a batch is due for this node, or ctx ends.
func (d *Dispatcher) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	for {
		if l, ok := d.next(node); ok {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return bulk.Lease{}, ctx.Err()
		case <-d.work:
		}
	}
}

// Extend keeps a lease alive for another max(3 × predicted, 30 s); false says that
// it is lost: it expired and the batch was given to another, or its partition
// moved to another dispatcher.
func (d *Dispatcher) Extend(_ context.Context, node bulk.NodeID, l bulk.Lease) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	j := d.leased(node, l)
	if j == nil {
		return false, nil
	}
	j.lease.expires = time.Now().Add(d.term(j))
	return true, nil
}

// Return ends a lease. One that is lost is ignored: the batch is another's now.
func (d *Dispatcher) Return(ctx context.Context, node bulk.NodeID, l bulk.Lease, outcome processors.Outcome) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	j := d.leased(node, l)
	if j == nil {
		return nil
	}
	d.endLease(j, max(outcome.Service, 0))
	switch outcome.Result {
	case processors.Finished:
		d.learn(j, outcome.Service)
		d.end(j)
	case processors.Held:
		j.failures = 0
		d.imports[j.ref.Import].held = true
		d.enqueue(j)
	default:
		j.failures++
		d.delay(j)
		d.cfg.Log.DebugContext(ctx, "batch comes again", "batch", j.ref.ID().String(), "failures", j.failures, "due", j.due)
	}
	return nil
}

// next grants a lease if something is due.
func (d *Dispatcher) next(node bulk.NodeID) (bulk.Lease, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	grant, ok := d.queue.Pop()
	if !ok {
		return bulk.Lease{}, false
	}
	if d.queue.Waiting() > 0 {
		d.signal()
	}
	j := d.jobs[grant.Ref.ID()]
	now := time.Now()
	d.lastLease++
	j.attempts++
	j.lease = &lease{id: d.lastLease, node: node, cost: grant.Cost, granted: now, expires: now.Add(d.term(j))}
	d.leases[j.lease.id] = j
	d.cfg.Metrics.Decisions.Inc()
	d.began(j.ref.Import)
	if j.attempts == 1 {
		d.cfg.Metrics.waited(now.Sub(j.ref.StagedAt), d.imports[j.ref.Import].last+1)
	}
	return bulk.Lease{
		Ref: j.ref, ID: j.lease.id, Partition: j.partition, Generation: d.assigned[j.partition],
		Attempt: j.attempts, Expires: j.lease.expires,
	}, true
}

// leased returns the job of a lease that is still the node's.
func (d *Dispatcher) leased(node bulk.NodeID, l bulk.Lease) *job {
	j := d.leases[l.ID]
	if j == nil || j.lease.node != node || j.ref.ID() != l.Ref.ID() {
		return nil
	}
	return j
}

// term is how long a lease lasts without being extended.
func (d *Dispatcher) term(j *job) time.Duration { return max(3*d.predict(j.ref), leaseLeast) }

func (d *Dispatcher) endLease(j *job, took time.Duration) {
	d.queue.Finish(j.ref.ID(), took)
	d.accounts[j.ref.Account].used.add(time.Now(), took)
	delete(d.leases, j.lease.id)
	j.lease = nil
	d.signal() // a slot under the account's cap came free
}

// expire takes back leases whose node went silent. The account pays what was
// predicted: what really happened is not known and not its fault.
func (d *Dispatcher) expire(now time.Time) {
	for _, j := range d.leases {
		if now.After(j.lease.expires) {
			d.cfg.Log.Warn("lease expired, batch comes again", "batch", j.ref.ID().String(), "node", j.lease.node, "attempt", j.attempts)
			d.endLease(j, j.lease.cost)
			d.enqueue(j)
		}
	}
}

// enqueue lets a job wait for its turn.
func (d *Dispatcher) enqueue(j *job) {
	d.queue.Push(j.ref)
	d.steer(j.ref.Account)
	if d.imports[j.ref.Import].held {
		d.queue.Hold(j.ref.Import)
	}
	d.signal()
}

// end forgets a job whose batch needs no work any more, and marks its references.
func (d *Dispatcher) end(j *job) {
	for _, m := range j.marks {
		d.cfg.References.Done(m)
	}
	d.forget(j)
}

func (d *Dispatcher) forget(j *job) {
	delete(d.jobs, j.ref.ID())
	if j.lease != nil {
		delete(d.leases, j.lease.id)
	}
	d.undelay(j)
	imp := d.imports[j.ref.Import]
	if imp.jobs--; imp.jobs == 0 {
		delete(d.imports, j.ref.Import)
		d.accounts[imp.account].imports--
	}
}
