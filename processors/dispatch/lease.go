package dispatch

import (
	"context"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/drr"
)

var _ processors.Dispatcher = (*Dispatcher)(nil)

// Lease waits until a batch is due for this node, or ctx ends.
func (d *Dispatcher) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	l, _, err := d.LeaseFor(ctx, node, drr.Anyone)
	return l, err
}

// LeaseFor is Lease for a node that decides itself whom its slot is for, because it has
// other dispatchers as well. It reports whether a newcomer got it.
func (d *Dispatcher) LeaseFor(ctx context.Context, node bulk.NodeID, want drr.Want) (l bulk.Lease, newcomer bool, err error) {
	for {
		if l, newcomer, ok := d.next(node, want); ok {
			return l, newcomer, nil
		}
		select {
		case <-ctx.Done():
			return bulk.Lease{}, false, ctx.Err()
		case <-d.work:
		}
	}
}

// Extend keeps a lease alive for another max(3 × predicted, 30 s); false says that
// it is lost: it expired and the batch was given to another, another copy was faster,
// or its partition moved to another dispatcher.
func (d *Dispatcher) Extend(_ context.Context, node bulk.NodeID, l bulk.Lease) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.leased(node, l)
	if held == nil || held.job == nil {
		return d.inherits(node, l), nil
	}
	held.expires = time.Now().Add(d.term(held))
	return true, nil
}

// Return ends a lease. One that is lost is ignored: the batch is another's now.
func (d *Dispatcher) Return(ctx context.Context, node bulk.NodeID, l bulk.Lease, outcome processors.Outcome) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.leased(node, l)
	if held == nil {
		return nil
	}
	took := max(outcome.Service, 0)
	if outcome.Result == processors.Finished {
		d.learnNode(held, took)
	}
	j := held.job
	switch {
	case !d.endLease(held, took, outcome.Result == processors.Finished):
	case outcome.Result == processors.Finished:
		d.learn(j, took)
		d.end(j)
	case outcome.Result == processors.Held:
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
func (d *Dispatcher) next(node bulk.NodeID, want drr.Want) (l bulk.Lease, newcomer, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if slow := d.straggler(node); slow != nil {
		return d.grant(slow, node, slow.leases[0].cost, now), false, true
	}
	if d.tail.Slow(d.nodes[node]) { // newcomers are to be done soon
		want = drr.Round
	}
	grant, ok := d.queue.PopFor(want)
	if !ok {
		return bulk.Lease{}, false, false
	}
	if d.queue.Waiting() > 0 {
		d.signal()
	}
	j := d.jobs[grant.Ref.ID()]
	d.cfg.Metrics.Decisions.Inc()
	d.began(j.ref.Import)
	if j.attempts == 0 {
		d.cfg.Metrics.waited(now.Sub(j.ref.StagedAt), d.imports[j.ref.Import].last+1)
	}
	return d.grant(j, node, grant.Cost, now), grant.Ahead, true
}

// grant gives a node the right to work on a batch, for whose account cost was charged.
func (d *Dispatcher) grant(j *job, node bulk.NodeID, cost time.Duration, now time.Time) bulk.Lease {
	d.lastLease++
	j.attempts++
	l := &lease{id: d.lastLease, node: node, job: j, predicted: d.predict(j.ref), cost: cost, granted: now}
	l.expires = now.Add(d.term(l))
	d.enter(l)
	return bulk.Lease{
		Ref: j.ref, ID: l.id, Partition: j.partition, Generation: d.assigned[j.partition],
		Attempt: j.attempts, Expires: l.expires,
	}
}

func (d *Dispatcher) enter(l *lease) {
	l.job.leases = append(l.job.leases, l)
	d.leases[l.id] = l
}

// leased returns the lease if it is still the node's.
func (d *Dispatcher) leased(node bulk.NodeID, l bulk.Lease) *lease {
	held := d.leases[l.ID]
	if held == nil || held.node != node || held.job != nil && held.job.ref.ID() != l.Ref.ID() {
		return nil
	}
	return held
}

// term is how long a lease lasts without being extended.
func (d *Dispatcher) term(l *lease) time.Duration { return max(3*l.predicted, leaseLeast) }

// endLease ends one lease. It reports whether the batch is out of flight with it: it
// ended, or no other copy is under way. A copy that lost its batch stays known until its
// node gives it back, so that what it took is learnt as well.
func (d *Dispatcher) endLease(l *lease, took time.Duration, ended bool) bool {
	delete(d.leases, l.id)
	j := l.job
	if j == nil {
		return false
	}
	j.leases = slices.DeleteFunc(j.leases, func(o *lease) bool { return o == l })
	if len(j.leases) > 0 && !ended {
		return false
	}
	for _, loser := range j.leases {
		loser.job = nil
	}
	j.leases = nil
	d.queue.Finish(j.ref.ID(), took)
	d.accounts[j.ref.Account].used.add(time.Now(), took)
	d.signal() // a slot under the account's cap came free
	return true
}

// expire takes back leases whose node went silent. The account pays what was
// predicted: what really happened is not known and not its fault.
func (d *Dispatcher) expire(now time.Time) {
	for _, l := range d.leases {
		if !now.After(l.expires) {
			continue
		}
		if j := l.job; d.endLease(l, l.cost, false) {
			d.cfg.Log.Warn("lease expired, batch comes again", "batch", j.ref.ID().String(), "node", l.node, "attempt", j.attempts)
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
	for _, l := range j.leases {
		delete(d.leases, l.id)
	}
	j.leases = nil
	d.undelay(j)
	imp := d.imports[j.ref.Import]
	if imp.jobs--; imp.jobs == 0 {
		delete(d.imports, j.ref.Import)
		d.accounts[imp.account].imports--
	}
}
