package dispatch_test

import (
	"context"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// straggle lets a dispatcher see 200 batches, of which one in twenty takes ten times
// as long as the others, and then one that does not end.
func (r *rig) straggle() (slow bulk.Lease) {
	for no := range 200 {
		r.deliver(r.ref(1, no))
		service := 100 * time.Millisecond
		if no%20 == 0 {
			service *= 10
		}
		r.took(r.lease(), service)
	}
	r.deliver(r.ref(1, 200))
	return r.lease()
}

func (r *rig) leaseFor(n bulk.NodeID, within time.Duration) (bulk.Lease, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	l, err := r.d.Lease(ctx, n)
	return l, err == nil
}

// A copy of a batch helps its import only when nothing else of it waits.
func TestNoCopyWhileTheImportHasBatchesThatWait(t *testing.T) {
	play(t, func(r *rig) {
		slow, waits := r.straggle(), r.ref(1, 201)
		r.deliver(waits)
		r.pass(10 * time.Second)
		l, ok := r.leaseFor("other", time.Second)
		if !ok || l.Ref.ID() != waits.ID() {
			t.Fatalf("leased %s, %v; want the batch that waits, not a copy", l.Ref.ID(), ok)
		}
		if l, ok = r.leaseFor("other", time.Second); !ok || l.Ref.ID() != slow.Ref.ID() {
			t.Errorf("leased %s, %v; want a copy of the slow one: nothing waits now", l.Ref.ID(), ok)
		}
	})
}

func TestSlowBatchGetsASecondCopyElsewhere(t *testing.T) {
	play(t, func(r *rig) {
		slow := r.straggle()
		if l, ok := r.leaseFor(node, 10*time.Second); ok {
			t.Fatalf("the slow node was given %s again", l.Ref.ID())
		}
		second, ok := r.leaseFor("other", time.Second)
		if !ok || second.Ref.ID() != slow.Ref.ID() || second.Attempt != 2 {
			t.Fatalf("leased %+v, %v; want a second copy of %s", second, ok, slow.Ref.ID())
		}
		if l, ok := r.leaseFor("third", 10*time.Second); ok {
			t.Fatalf("a third copy of %s", l.Ref.ID())
		}
		if q := r.d.Queue(); q.Copies != 1 || q.InFlight != 1 {
			t.Errorf("%d copies, %d in flight; want 1, 1", q.Copies, q.InFlight)
		}
		r.ledger.finish(slow.Ref.ID())
		if _, err := r.d.Return(r.Context(), second, bulk.Outcome{Result: bulk.ResultFinished, Service: 100 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if held, _ := r.d.Extend(r.Context(), slow); held {
			t.Error("the slow copy was extended though the other had ended the batch")
		}
		r.took(slow, 20*time.Second) // too late, and learnt from
		if got := r.topic.finished(); got != 201 {
			t.Errorf("%d offsets marked, want 201", got)
		}
		if q := r.d.Queue(); q.Copies+q.InFlight+q.Waiting != 0 {
			t.Errorf("left over: %+v", q)
		}
	})
}

func TestFailedCopyLeavesTheOtherAtWork(t *testing.T) {
	play(t, func(r *rig) {
		slow := r.straggle()
		r.pass(10 * time.Second)
		second, ok := r.leaseFor("other", time.Second)
		if !ok {
			t.Fatal("no second copy")
		}
		r.d.Return(r.Context(), second, bulk.Outcome{Result: bulk.ResultRetry, Service: time.Second})
		if q := r.d.Queue(); q.InFlight != 1 || q.BackingOff != 0 {
			t.Errorf("in flight %d, backing off %d; want 1, 0: the first copy is at work", q.InFlight, q.BackingOff)
		}
		r.took(slow, 20*time.Second)
		if got := r.topic.finished(); got != 201 {
			t.Errorf("%d offsets marked, want 201", got)
		}
	})
}
