package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
)

func TestRevokedPartitionIsForgotten(t *testing.T) {
	play(t, func(r *rig) {
		stays, goes, leased := r.ref(1, 0), r.ref(2, 0), r.ref(6, 0) // partitions 1, 2, 2
		r.deliver(leased)
		l := r.lease()
		r.deliver(goes, stays)
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 3}, Revoked: []int32{2}}
		synctest.Wait()
		r.same(r.lease(), stays)
		r.nothing(time.Second)
		if ok, _ := r.d.Extend(r.Context(), l); ok {
			t.Error("a lease of a revoked partition was extended")
		}
		r.give(l, bulk.ResultFinished)
		if got := r.topic.finished(); got != 0 {
			t.Errorf("%d offsets marked, want none: another owns the partition", got)
		}
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2, 3}}
		r.deliver(goes) // it comes back
		r.same(r.lease(), goes)
	})
}

// What processors hold of a partition that comes here stays theirs, counts against
// the cap, and is not worked on twice.
func TestTakeoverResumesWhatNodesHold(t *testing.T) {
	play(t, func(r *rig) {
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 3}, Revoked: []int32{2}}
		flying, ended, waits := r.ref(2, 0), r.ref(2, 1), r.ref(2, 2)
		r.ledger.finish(ended.ID())
		r.ledger.bound("2", 1)
		leased := bulk.Lease{Ref: flying, ID: 77, Node: "other", Attempt: 3}
		r.nodes.held = []bulk.Lease{leased, {Ref: ended, ID: 78, Node: node}}
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2, 3}}
		r.deliver(flying, ended, waits)
		r.nothing(20 * time.Second) // the cap of one is taken
		if ok, err := r.d.Extend(r.Context(), leased); !ok || err != nil {
			t.Fatalf("extend: %v, %v", ok, err)
		}
		r.ledger.finish(flying.ID())
		if _, err := r.d.Return(r.Context(), leased, bulk.Outcome{Result: bulk.ResultFinished, Service: time.Second}); err != nil {
			t.Fatal(err)
		}
		if l := r.lease(); l.Ref.ID() != waits.ID() {
			t.Errorf("leased %s, want %s", l.Ref.ID(), waits.ID())
		}
		if got := r.topic.finished(); got != 2 {
			t.Errorf("%d offsets marked, want 2", got)
		}
	})
}

// A return says whether the lease was known, and what is given back before a reference
// brings its batch is no longer in flight when it does.
func TestReturnSaysWhetherTheLeaseWasHeld(t *testing.T) {
	play(t, func(r *rig) {
		held := func(l bulk.Lease, want bool) {
			t.Helper()
			if got, err := r.d.Return(r.Context(), l, bulk.Outcome{Result: bulk.ResultRetry}); got != want || err != nil {
				t.Errorf("return of %s: held %v (%v), want %v", l.Ref.ID(), got, err, want)
			}
		}
		ref := r.ref(1, 0)
		r.deliver(ref)
		l := r.lease()
		held(l, true)
		held(l, false)
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 3}, Revoked: []int32{2}}
		adopted := bulk.Lease{Ref: r.ref(2, 0), ID: 77, Node: "other"}
		r.nodes.held = []bulk.Lease{adopted}
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2, 3}}
		synctest.Wait()
		held(adopted, true)
		held(adopted, false)
		r.deliver(adopted.Ref)
		began := time.Now()
		if r.same(r.lease(), adopted.Ref); time.Since(began) > tick {
			t.Errorf("leased after %v, want at once", time.Since(began))
		}
	})
}

func TestAdoptedLeaseExpiresLikeOthers(t *testing.T) {
	play(t, func(r *rig) {
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 3}, Revoked: []int32{2}}
		ref := r.ref(2, 0)
		r.nodes.held = []bulk.Lease{{Ref: ref, ID: 77, Node: "dead"}}
		r.topic.fetches <- bulk.Fetch{Assigned: []int32{0, 1, 2, 3}}
		r.deliver(ref)
		began := time.Now()
		r.same(r.lease(), ref)
		if waited := time.Since(began); waited < 30*time.Second || waited > 31*time.Second {
			t.Errorf("redelivered after %v, want 30 s", waited)
		}
	})
}
