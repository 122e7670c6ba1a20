package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

func TestLeaseWaitsForABatch(t *testing.T) {
	play(t, func(r *rig) {
		got := make(chan bulk.Lease)
		for range 2 {
			go func() { got <- r.lease() }()
		}
		synctest.Wait()
		a, b := r.ref(1, 0), r.ref(2, 0)
		r.deliver(a, b) // one fetch, two waiting nodes: both are woken
		x, y := <-got, <-got
		if waited := time.Since(a.StagedAt); waited != 0 {
			t.Errorf("the second node was woken after %v, want at once", waited)
		}
		if x.Ref.ID() == y.Ref.ID() {
			t.Fatalf("%s leased twice", x.Ref.ID())
		}
		if x.Attempt != 1 || x.Node != node || x.Term != 30*time.Second {
			t.Errorf("lease %+v: want attempt 1 of the node, 30 s", x)
		}
		r.give(x, bulk.ResultFinished)
		r.give(y, bulk.ResultFinished)
		if got := r.topic.finished(); got != 2 {
			t.Errorf("%d offsets marked, want 2", got)
		}
	})
}

func TestExpiredLeaseIsRedelivered(t *testing.T) {
	play(t, func(r *rig) {
		ref := r.ref(1, 0)
		r.deliver(ref)
		first := r.lease()
		began := time.Now()
		second := r.lease()
		if waited := time.Since(began); waited < 30*time.Second || waited > 31*time.Second {
			t.Errorf("redelivered after %v, want 30 s", waited)
		}
		r.same(second, ref)
		if second.Attempt != 2 {
			t.Errorf("attempt %d, want 2", second.Attempt)
		}
		if ok, _ := r.d.Extend(r.Context(), first); ok {
			t.Error("an expired lease was extended")
		}
		r.give(first, bulk.ResultRetry) // too late: ignored
		foreign := second
		foreign.Node = "another"
		if ok, _ := r.d.Extend(r.Context(), foreign); ok {
			t.Error("a lease was extended by a node that does not have it")
		}
		r.give(second, bulk.ResultFinished)
		if got := r.topic.finished(); got != 1 {
			t.Errorf("%d offsets marked, want 1", got)
		}
	})
}

func TestExtendedLeaseLasts(t *testing.T) {
	play(t, func(r *rig) {
		r.deliver(r.ref(1, 0))
		l := r.lease()
		for range 10 {
			r.nothing(20 * time.Second)
			if ok, err := r.d.Extend(r.Context(), l); !ok || err != nil {
				t.Fatalf("extend: %v, %v", ok, err)
			}
		}
	})
}

func TestRetriesBackOff(t *testing.T) {
	play(t, func(r *rig) {
		ref := r.ref(1, 0)
		r.deliver(ref)
		l := r.lease()
		for _, want := range []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000} {
			r.give(l, bulk.ResultRetry)
			if s := r.d.Queue(); s.BackingOff != 1 || s.Waiting != 0 {
				t.Fatalf("snapshot %+v: want it outside of the queue", s)
			}
			began := time.Now()
			l = r.lease()
			if waited := time.Since(began); waited < want*time.Millisecond || waited > want*time.Millisecond+tick {
				t.Errorf("came again after %v, want %v", waited, want*time.Millisecond)
			}
		}
		if l.Attempt != 9 {
			t.Errorf("attempt %d, want 9", l.Attempt)
		}
	})
}

// Where a batch's time went is measured as it goes: nothing is left over.
func TestWaitsAreMeasured(t *testing.T) {
	play(t, func(r *rig) {
		ref := r.ref(1, 0)
		ref.Waited = 2 * time.Second // in the topic
		r.ledger.stage(ref)
		r.deliver(ref)
		<-time.After(3 * time.Second)
		r.ledger.pause(ref.Import, true)
		<-time.After(10 * time.Second)
		r.ledger.pause(ref.Import, false)
		<-time.After(4 * time.Second)
		l := r.lease()
		near := func(name string, got, want time.Duration) {
			t.Helper()
			if got < want-time.Second || got > want+time.Second {
				t.Errorf("%s %v, want about %v", name, got, want)
			}
		}
		near("queued", l.Waits.Queued, 9*time.Second)
		near("paused", l.Waits.Paused, 10*time.Second)
		if sum := l.Waits.Queued + l.Waits.Paused; sum != 19*time.Second {
			t.Errorf("both are %v, want the 19 s that passed", sum)
		}
		<-time.After(6 * time.Second)
		r.give(l, bulk.ResultRetry)
		again := r.lease()
		if w := again.Waits; w.Failed != 6*time.Second || w.Backoff < 500*time.Millisecond || w.Backoff > time.Second || w.Queued < l.Waits.Queued || w.Queued > l.Waits.Queued+time.Second {
			t.Errorf("second attempt: %+v after %+v", w, l.Waits)
		}
	})
}
