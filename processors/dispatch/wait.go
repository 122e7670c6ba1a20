package dispatch

import (
	"context"

	"bulkhead/processors/drr"
)

// waiters wakes all who wait for one event. The zero waiters has none, and costs nothing
// until somebody waits. The dispatcher's lock guards it.
type waiters struct{ event chan struct{} }

// join returns what is closed at the next event.
func (w *waiters) join() <-chan struct{} {
	if w.event == nil {
		w.event = make(chan struct{})
	}
	return w.event
}

func (w *waiters) wake() {
	if w.event != nil {
		close(w.event)
		w.event = nil
	}
}

// await calls try under the lock until it succeeds: at once, and then whenever something
// may have become due, or was leased. It returns the error of a context that ends before.
func (d *Dispatcher) await(ctx context.Context, try func() bool) error {
	for {
		due := d.attempt(try)
		if due == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-due:
		}
	}
}

// attempt returns what to wait for when try fails, else nil.
func (d *Dispatcher) attempt(try func() bool) (due <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !try() {
		due = d.waiters.join()
	}
	return due
}

// AwaitDemand waits until clearly more is due here than is known, or than it fell to
// meanwhile, and returns it; what is due when ctx ends if that is before.
func (d *Dispatcher) AwaitDemand(ctx context.Context, known drr.Demand) (due drr.Demand) {
	_ = d.await(ctx, func() bool { // a context that ends is an answer, too
		due = d.schedule.Demand()
		if due.Exceeds(known) {
			return true
		}
		known = known.Min(due)
		return false
	})
	return due
}
