package dispatch_test

import (
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

func TestDuplicatesAreMergedAndMarkedTogether(t *testing.T) {
	play(t, func(r *rig) {
		ref := r.ref(1, 0)
		r.deliver(ref, ref)
		l := r.lease()
		r.deliver(ref) // while it is on lease
		r.nothing(time.Second)
		if got := r.topic.finished(); got != 0 {
			t.Errorf("%d offsets marked before the batch ended", got)
		}
		r.give(l, bulk.ResultFinished)
		if got := r.topic.finished(); got != 3 {
			t.Errorf("%d offsets marked, want 3", got)
		}
	})
}

func TestReferencesOfEndedBatchesAreDropped(t *testing.T) {
	play(t, func(r *rig) {
		old, waits := r.ref(1, 0), r.ref(1, 1)
		r.ledger.finish(old.ID())
		r.deliver(old, waits)
		if got := r.topic.finished(); got != 1 {
			t.Errorf("%d offsets marked, want the ended one's", got)
		}
		r.same(r.lease(), waits)
	})
}

func TestLedgerThatIsDownLosesNoReference(t *testing.T) {
	play(t, func(r *rig) {
		r.ledger.down(true)
		ref := r.ref(1, 0)
		r.deliver(ref)
		r.nothing(20 * time.Second)
		r.ledger.down(false)
		r.same(r.lease(), ref)
	})
}

func TestSweepAdoptsWhatTheBrokerLost(t *testing.T) {
	play(t, func(r *rig) {
		lost := r.ref(1, 0)
		r.ref(7, 0) // staged as well, but in partition 3, which another has
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2}, Revoked: []int32{3}}
		began := time.Now()
		r.same(r.lease(), lost)
		if waited := time.Since(began); waited > time.Minute {
			t.Errorf("adopted after %v, want ≤ 1 min", waited)
		}
		r.nothing(15 * time.Second)
	})
}
