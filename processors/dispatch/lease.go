package dispatch

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

var _ processors.Dispatcher = (*Dispatcher)(nil)

// Lease waits until a batch is due for this node, or ctx ends.
func (d *Dispatcher) Lease(ctx context.Context, node bulk.NodeID) (bulk.Lease, error) {
	a, err := d.LeaseFor(ctx, node, drr.Ask{})
	if err != nil {
		return bulk.Lease{}, err
	}
	return *a.Lease, nil
}

// LeaseFor is Lease for a node that decides itself whom its slot is for, because it has
// other dispatchers as well. What is due after it is not filled in.
func (d *Dispatcher) LeaseFor(ctx context.Context, node bulk.NodeID, ask drr.Ask) (a schedule.Answer, err error) {
	err = d.await(ctx, func() (ok bool) {
		if a, ok = d.schedule.Next(time.Now(), node, ask); ok {
			d.waiters.wake() // less is due now: see AwaitDemand
		} else if ask.Lane == drr.Anyone {
			d.schedule.Heard(ask.Virtual, true)
		}
		return ok
	})
	if err == nil {
		d.cfg.Metrics.Decisions.Inc()
	}
	return a, err
}

// Heard takes in what a node knows of all dispatchers: see [schedule.Scheduler.Heard].
func (d *Dispatcher) Heard(mean drr.Virtual, idle bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.schedule.Heard(mean, idle)
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
