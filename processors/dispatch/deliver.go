package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
	"bulkhead/processors/schedule"
)

// read takes fetches in until ctx ends.
func (d *Dispatcher) read(ctx context.Context) error {
	started := false // the first references of this assignment came
	for {
		fetch, err := d.cfg.References.Poll(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("poll references: %w", err)
		}
		if fetch.Assigned != nil {
			d.reassign(ctx, fetch)
			started = false
		}
		if err := d.deliver(ctx, fetch.Messages); err != nil {
			return err
		}
		if !started && len(fetch.Messages) > 0 {
			started = true
			d.shuffle()
		}
	}
}

// shuffle gives the accounts a random order, unlike that of other dispatchers.
func (d *Dispatcher) shuffle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.schedule.Shuffle()
}

// reassign drops the queues of the partitions that left, and adopts what processors hold
// of those that came.
func (d *Dispatcher) reassign(ctx context.Context, fetch bulk.Fetch) {
	held := d.askHolders(ctx, fetch.Assigned)
	d.mu.Lock()
	defer d.mu.Unlock()
	dropped := d.schedule.Assign(time.Now(), fetch.Assigned, held)
	d.cfg.Log.InfoContext(ctx, "partitions assigned", "owned", len(fetch.Assigned), "revoked", len(fetch.Revoked), "dropped_batches", dropped)
}

// askHolders returns what processors hold of the partitions that are new here. Nobody
// answering costs only double work, which the commit guards.
func (d *Dispatcher) askHolders(ctx context.Context, assigned []int32) []bulk.Lease {
	if d.cfg.Holders == nil || !d.gains(assigned) {
		return nil
	}
	held, err := d.cfg.Holders.Held(ctx)
	if err != nil {
		d.cfg.Log.WarnContext(ctx, "processors do not say what they hold, it may be done twice", "error", err)
	}
	return held
}

func (d *Dispatcher) gains(assigned []int32) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.schedule.Gains(assigned)
}

// deliver queues the references whose batches still wait. A ledger that is down
// is asked until it answers; nothing new is read meanwhile.
func (d *Dispatcher) deliver(ctx context.Context, refs []bulk.Message) error {
	fresh := d.merge(refs)
	if len(fresh) == 0 {
		return nil
	}
	ask := make([]bulk.BatchRef, len(fresh))
	for i, r := range fresh {
		ask[i] = r.Ref
	}
	for warned := false; ; warned = true {
		staged, known, of, err := d.lookUp(ctx, ask)
		if err == nil {
			d.admit(fresh, staged, known, of)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !warned {
			d.cfg.Log.WarnContext(ctx, "ledger does not answer, references wait", "references", len(ask), "error", err)
		}
		if wait.For(ctx, ledgerPause) != nil {
			return ctx.Err()
		}
	}
}

// lookUp reads which batches still wait, and meanwhile the controls of their accounts and
// imports: small imports wait for both.
func (d *Dispatcher) lookUp(ctx context.Context, refs []bulk.BatchRef) (staged []bulk.BatchRef, known bulk.Controls, of schedule.Subjects, err error) {
	var both sync.WaitGroup
	both.Go(func() { known, of = d.ask(ctx, schedule.SubjectsOf(refs)) })
	staged, err = d.cfg.Ledger.StillStaged(ctx, refs)
	both.Wait()
	return staged, known, of, err
}

// merge adds references to jobs that are known and returns the others.
func (d *Dispatcher) merge(refs []bulk.Message) []bulk.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := make([]bulk.Message, 0, len(refs))
	for _, r := range refs {
		if !d.schedule.Knows(r.Ref.ID(), &r.Offset) {
			fresh = append(fresh, r)
		}
	}
	return fresh
}

// admit queues what is staged, marks the rest as done, and acts on the controls.
func (d *Dispatcher) admit(refs []bulk.Message, staged []bulk.BatchRef, known bulk.Controls, of schedule.Subjects) {
	waits := make(map[bulk.BatchID]bulk.BatchRef, len(staged))
	for _, ref := range staged {
		waits[ref.ID()] = ref
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now, busy := time.Now(), d.schedule.Busy()
	for _, r := range refs {
		if ref, staged := waits[r.Ref.ID()]; staged {
			d.schedule.Add(now, ref, &r.Offset)
		} else {
			d.cfg.References.Done(r.Offset)
		}
	}
	d.schedule.Steer(time.Now(), known, of)
	if busy {
		d.schedule.Forecast(now, staged)
	}
}

// sweep adopts staged batches of owned accounts that no reference brought: the
// broker lost them, or another dispatcher did. It also asks again how all that is queued stands.
func (d *Dispatcher) sweep(ctx context.Context) {
	d.refreshAll(ctx)
	var after bulk.BatchID
	for {
		refs, err := d.cfg.Ledger.StagedFor(ctx, sweepAge, after, sweepPage)
		if err != nil {
			if ctx.Err() == nil {
				d.cfg.Log.WarnContext(ctx, "sweep failed, the next one follows", "error", err)
			}
			return
		}
		d.adopt(ctx, refs)
		if len(refs) < sweepPage {
			return
		}
		after = refs[len(refs)-1].ID()
	}
}

func (d *Dispatcher) adopt(ctx context.Context, refs []bulk.BatchRef) {
	lost := d.unknown(refs)
	if len(lost) == 0 {
		return
	}
	known, of := d.ask(ctx, schedule.SubjectsOf(lost))
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ref := range lost {
		if d.schedule.Owns(ref.Account) {
			d.schedule.Add(time.Now(), ref, nil)
		}
	}
	d.schedule.Steer(time.Now(), known, of)
	d.cfg.Log.InfoContext(ctx, "batches adopted that no reference brought", "batches", len(lost))
}

// unknown returns the references of owned accounts that are not queued.
func (d *Dispatcher) unknown(refs []bulk.BatchRef) []bulk.BatchRef {
	d.mu.Lock()
	defer d.mu.Unlock()
	var lost []bulk.BatchRef
	for _, ref := range refs {
		if d.schedule.Owns(ref.Account) && !d.schedule.Knows(ref.ID(), nil) {
			lost = append(lost, ref)
		}
	}
	return lost
}

func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
