package dispatch

import (
	"context"
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
func (d *Dispatcher) LeaseFor(ctx context.Context, node bulk.NodeID, lane drr.Lane) (l bulk.Lease, newcomer bool, err error) {
	err = d.await(ctx, func() (ok bool) {
		if l, newcomer, ok = d.schedule.Next(time.Now(), node, lane); ok {
			d.waiters.wake() // less is due now: see AwaitDemand
		}
		return ok
	})
	if err == nil {
		d.cfg.Metrics.Decisions.Inc()
	}
	return l, newcomer, err
}

// Extend keeps a lease alive; false says that it is lost.
func (d *Dispatcher) Extend(_ context.Context, l bulk.Lease) (held bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Extend(time.Now(), l), nil
}

// Return ends a lease. One that is not known here is ignored, and false returned: the
// batch is another's now.
func (d *Dispatcher) Return(_ context.Context, l bulk.Lease, outcome bulk.Outcome) (held bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Return(time.Now(), l, outcome), nil
}

// Demand is what is due here; nodes choose among dispatchers by it.
func (d *Dispatcher) Demand() drr.Demand {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Demand()
}

// Queue returns how the dispatcher stands now.
func (d *Dispatcher) Queue() bulk.Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.View(time.Now())
}

// Waits tells an account's imports why they wait.
func (d *Dispatcher) Waits(account bulk.AccountID) []bulk.Wait {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Waits(account)
}
