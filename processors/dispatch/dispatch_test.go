package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors"
	"bulkhead/processors/dispatch"
	"bulkhead/processors/drr"
)

const node = bulk.NodeID("node")

// rig is a running dispatcher in a bubble of its own time.
type rig struct {
	*testing.T
	d      *dispatch.Dispatcher
	ledger *ledger
	topic  *topic
	nodes  *holders
}

// play runs a test against a dispatcher that owns partitions 0 to 3.
func play(t *testing.T, test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, ledger: &ledger{staged: map[bulk.BatchID]bulk.BatchRef{}}, topic: newTopic(), nodes: &holders{}}
		var err error
		r.d, err = dispatch.New(dispatch.Config{Ledger: r.ledger, References: r.topic, Holders: r.nodes, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.d.Run(ctx) }()
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 2: 1, 3: 1}}
		test(r)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

// ref makes a staged batch; the account's partition is its number modulo 4.
func (r *rig) ref(account, no int) bulk.BatchRef {
	id := fmt.Sprint(account)
	ref := bulk.BatchRef{Account: bulk.AccountID(id), Import: bulk.ImportID("i" + id), No: int64(no), Rows: 5000, StagedAt: time.Now()}
	r.ledger.stage(ref)
	return ref
}

func (r *rig) deliver(refs ...bulk.BatchRef) {
	d := bulk.Delivery{}
	for _, ref := range refs {
		d.References = append(d.References, bulk.Reference{Ref: ref, Mark: r.topic.mark(ref)})
	}
	r.topic.deliveries <- d
	synctest.Wait()
}

func (r *rig) lease() bulk.Lease {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), time.Hour)
	defer cancel()
	l, err := r.d.Lease(ctx, node)
	if err != nil {
		r.Fatalf("lease: %v", err)
	}
	return l
}

// nothing asserts that no batch becomes due within a time.
func (r *rig) nothing(within time.Duration) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	if l, err := r.d.Lease(ctx, node); !errors.Is(err, context.DeadlineExceeded) {
		r.Fatalf("leased %s (%v), want nothing", l.Ref.ID(), err)
	}
}

// pass lets time go by.
func (r *rig) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (r *rig) give(l bulk.Lease, result processors.Result) {
	r.Helper()
	if result == processors.Finished {
		r.ledger.finish(l.Ref.ID())
	}
	if err := r.d.Return(r.Context(), node, l, processors.Outcome{Result: result, Service: 10 * time.Millisecond}); err != nil {
		r.Fatal(err)
	}
}

// took finishes a batch after a time.
func (r *rig) took(l bulk.Lease, service time.Duration) {
	r.Helper()
	r.ledger.finish(l.Ref.ID())
	if err := r.d.Return(r.Context(), node, l, processors.Outcome{Result: processors.Finished, Service: service}); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) same(l bulk.Lease, want bulk.BatchRef) {
	r.Helper()
	if l.Ref.ID() != want.ID() {
		r.Fatalf("leased %s, want %s", l.Ref.ID(), want.ID())
	}
}

func TestLeaseWaitsForABatch(t *testing.T) {
	play(t, func(r *rig) {
		got := make(chan bulk.Lease)
		for range 2 {
			go func() { got <- r.lease() }()
		}
		synctest.Wait()
		a, b := r.ref(1, 0), r.ref(2, 0)
		r.deliver(a, b) // one delivery, two waiting nodes: both are woken
		x, y := <-got, <-got
		if waited := time.Since(a.StagedAt); waited != 0 {
			t.Errorf("the second node was woken after %v, want at once", waited)
		}
		if x.Ref.ID() == y.Ref.ID() {
			t.Fatalf("%s leased twice", x.Ref.ID())
		}
		if x.Attempt != 1 || x.Generation != 1 || time.Until(x.Expires) != 30*time.Second {
			t.Errorf("lease %+v: want attempt 1, generation 1, 30 s", x)
		}
		r.give(x, processors.Finished)
		r.give(y, processors.Finished)
		if got := r.topic.finished(); got != 2 {
			t.Errorf("%d offsets marked, want 2", got)
		}
	})
}

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
		r.give(l, processors.Finished)
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
		if ok, _ := r.d.Extend(r.Context(), node, first); ok {
			t.Error("an expired lease was extended")
		}
		r.give(first, processors.Retry) // too late: ignored
		if ok, _ := r.d.Extend(r.Context(), "another", second); ok {
			t.Error("a lease was extended by a node that does not have it")
		}
		r.give(second, processors.Finished)
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
			if ok, err := r.d.Extend(r.Context(), node, l); !ok || err != nil {
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
			r.give(l, processors.Retry)
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

func TestPausedImportIsHeldUntilResumed(t *testing.T) {
	play(t, func(r *rig) {
		a0, a1, b := r.ref(1, 0), r.ref(1, 1), r.ref(2, 0)
		r.ledger.pause(a0.Import, true)
		r.deliver(a0, a1, b)
		l := r.lease()
		r.same(l, b)
		r.give(l, processors.Finished)
		r.nothing(time.Minute)
		r.ledger.pause(a0.Import, false)
		began := time.Now()
		l = r.lease()
		if waited := time.Since(began); waited > tick {
			t.Errorf("resumed after %v, want ≤ %v", waited, tick)
		}
		r.ledger.pause(a0.Import, true)
		r.give(l, processors.Held) // the ledger told the node before it told us
		r.nothing(time.Minute)
		r.ledger.pause(a0.Import, false)
		r.lease()
		r.lease()
	})
}

func TestResumeWakesEveryWaitingNode(t *testing.T) {
	play(t, func(r *rig) {
		a0, a1, a2 := r.ref(1, 0), r.ref(1, 1), r.ref(1, 2)
		r.ledger.pause(a0.Import, true)
		r.deliver(a0, a1, a2)
		got := make(chan time.Time)
		for range 3 {
			go func() { r.lease(); got <- time.Now() }()
		}
		synctest.Wait()
		r.ledger.pause(a0.Import, false)
		first := <-got
		for range 2 {
			if late := (<-got).Sub(first); late != 0 {
				t.Errorf("a node was woken %v after the first, want together", late)
			}
		}
	})
}

func TestEndedImportIsDropped(t *testing.T) {
	play(t, func(r *rig) {
		r.deliver(r.ref(1, 0), r.ref(1, 1), r.ref(1, 2))
		leased, failed := r.lease(), r.lease()
		r.give(failed, processors.Retry)
		r.ledger.end("i1")
		<-time.After(tick + time.Millisecond)
		r.nothing(20 * time.Second)
		if got := r.topic.finished(); got != 2 {
			t.Errorf("%d offsets marked, want those of the waiting and the failed", got)
		}
		r.give(leased, processors.Finished)
		if s := r.d.Queue(); s.Waiting+s.InFlight+s.BackingOff != 0 || len(s.Accounts) != 1 || s.Accounts[0].SlotMS != 20 {
			t.Errorf("left over: %+v; want only the slot time used", s)
		}
		r.nothing(61 * time.Second)
		if s := r.d.Queue(); len(s.Accounts) != 0 {
			t.Errorf("left over a minute later: %+v", s)
		}
	})
}

func TestSweepAdoptsWhatTheBrokerLost(t *testing.T) {
	play(t, func(r *rig) {
		lost := r.ref(1, 0)
		r.ref(7, 0) // staged as well, but in partition 3, which another has
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 2: 1}, Revoked: []int32{3}}
		began := time.Now()
		r.same(r.lease(), lost)
		if waited := time.Since(began); waited > time.Minute {
			t.Errorf("adopted after %v, want ≤ 1 min", waited)
		}
		r.nothing(15 * time.Second)
	})
}

func TestRevokedPartitionIsForgotten(t *testing.T) {
	play(t, func(r *rig) {
		stays, goes, leased := r.ref(1, 0), r.ref(2, 0), r.ref(6, 0) // partitions 1, 2, 2
		r.deliver(leased)
		l := r.lease()
		r.deliver(goes, stays)
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 3: 1}, Revoked: []int32{2}}
		synctest.Wait()
		r.same(r.lease(), stays)
		r.nothing(time.Second)
		if ok, _ := r.d.Extend(r.Context(), node, l); ok {
			t.Error("a lease of a revoked partition was extended")
		}
		r.give(l, processors.Finished)
		if got := r.topic.finished(); got != 0 {
			t.Errorf("%d offsets marked, want none: another owns the partition", got)
		}
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 2: 9, 3: 1}}
		r.deliver(goes) // it comes back, under a new generation
		if l := r.lease(); l.Ref.ID() != goes.ID() || l.Generation != 9 {
			t.Errorf("leased %+v, want %s of generation 9", l, goes.ID())
		}
	})
}

// What processors hold of a partition that comes here stays theirs, counts against
// the cap, and is not worked on twice.
func TestTakeoverResumesWhatNodesHold(t *testing.T) {
	play(t, func(r *rig) {
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 3: 1}, Revoked: []int32{2}}
		flying, ended, waits := r.ref(2, 0), r.ref(2, 1), r.ref(2, 2)
		r.ledger.finish(ended.ID())
		r.ledger.bound("2", 1)
		leased := bulk.Lease{Ref: flying, ID: 77, Partition: 2, Attempt: 3}
		r.nodes.held = []bulk.Holding{{Node: "other", Lease: leased}, {Node: node, Lease: bulk.Lease{Ref: ended, ID: 78, Partition: 2}}}
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 2: 5, 3: 1}}
		r.deliver(flying, ended, waits)
		r.nothing(20 * time.Second) // the cap of one is taken
		if ok, err := r.d.Extend(r.Context(), "other", leased); !ok || err != nil {
			t.Fatalf("extend: %v, %v", ok, err)
		}
		r.ledger.finish(flying.ID())
		if err := r.d.Return(r.Context(), "other", leased, processors.Outcome{Result: processors.Finished, Service: time.Second}); err != nil {
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

func TestInheritedLeaseExpiresLikeOthers(t *testing.T) {
	play(t, func(r *rig) {
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 3: 1}, Revoked: []int32{2}}
		ref := r.ref(2, 0)
		r.nodes.held = []bulk.Holding{{Node: "dead", Lease: bulk.Lease{Ref: ref, ID: 77}}}
		r.topic.deliveries <- bulk.Delivery{Assigned: map[int32]int32{0: 1, 1: 1, 2: 5, 3: 1}}
		r.deliver(ref)
		began := time.Now()
		r.same(r.lease(), ref)
		if waited := time.Since(began); waited < 30*time.Second || waited > 31*time.Second {
			t.Errorf("redelivered after %v, want 30 s", waited)
		}
	})
}

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
		if err := r.d.Return(r.Context(), "other", second, processors.Outcome{Result: processors.Finished, Service: 100 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if held, _ := r.d.Extend(r.Context(), node, slow); held {
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
		r.d.Return(r.Context(), "other", second, processors.Outcome{Result: processors.Retry, Service: time.Second})
		if q := r.d.Queue(); q.InFlight != 1 || q.BackingOff != 0 {
			t.Errorf("in flight %d, backing off %d; want 1, 0: the first copy is at work", q.InFlight, q.BackingOff)
		}
		r.took(slow, 20*time.Second)
		if got := r.topic.finished(); got != 201 {
			t.Errorf("%d offsets marked, want 201", got)
		}
	})
}

func TestWeightsComeFromTheLedger(t *testing.T) {
	play(t, func(r *rig) {
		r.ledger.weigh("1", 4)
		var refs []bulk.BatchRef
		for no := range 400 {
			refs = append(refs, r.ref(1, no), r.ref(2, no))
		}
		r.deliver(refs...)
		got := map[bulk.AccountID]int{}
		for i := range 400 {
			l := r.lease()
			if i >= 200 { // both have used their newcomers' allowance up
				got[l.Ref.Account]++
			}
			r.took(l, 100*time.Millisecond)
		}
		if got["1"] < 155 || got["1"] > 165 {
			t.Errorf("account of weight 4 to 1 got %d of 200 batches, want 160", got["1"])
		}
	})
}

func TestWaitsExplainThemselves(t *testing.T) {
	play(t, func(r *rig) {
		var refs []bulk.BatchRef
		for no := range 20 {
			refs = append(refs, r.ref(1, no))
		}
		r.deliver(refs...)
		r.lease()
		w := r.d.Waits("1")
		if len(w) != 1 || w[0].Waiting != 19 || w[0].InFlight != 1 || w[0].Place != 1 || w[0].Before != 0 || w[0].Reason != bulk.WaitsForNothing {
			t.Errorf("waits %+v: want one import, first in its account, nothing before it", w)
		}
		s := r.d.Queue()
		if s.Weight != 1 || s.Waiting != 19 || s.InFlight != 1 || !slices.Equal(s.Partitions, []int32{0, 1, 2, 3}) {
			t.Errorf("snapshot %+v", s)
		}
	})
}

func TestWaitsSayWhatTheyWaitFor(t *testing.T) {
	play(t, func(r *rig) {
		whale, small, retried := r.ref(1, 0), r.ref(2, 0), r.ref(3, 0)
		r.deliver(retried)
		r.give(r.lease(), processors.Retry)
		r.deliver(whale, r.ref(1, 1), r.ref(1, 2))
		r.lease()
		other := r.ref(2, 0)
		other.Import = "i2b"
		r.ledger.stage(other)
		r.deliver(small, r.ref(2, 1), other)
		want := func(account bulk.AccountID, id bulk.ImportID, reason bulk.WaitReason) {
			t.Helper()
			for _, w := range r.d.Waits(account) {
				if w.Import == id && w.Reason != reason {
					t.Errorf("%s waits for %q, want %q (%+v)", id, w.Reason, reason, w)
				}
				if estimated := w.Median > 0 && w.Upper > w.Median; w.Import == id && estimated != (reason != bulk.WaitsForPause && reason != bulk.WaitsForRetry) {
					t.Errorf("%s: estimates %v and %v for %q", id, w.Median, w.Upper, reason)
				}
			}
		}
		want("1", "i1", bulk.WaitsForOthers)
		want("2", "i2b", bulk.WaitsForOthers)
		want("2", "i2", bulk.WaitsForOwn)
		want("3", "i3", bulk.WaitsForRetry)
		r.ledger.bound("1", 1)
		r.ledger.pause("i2", true)
		r.pass(2 * tick)
		r.same(r.lease(), other)
		want("1", "i1", bulk.WaitsForCap)
		want("2", "i2", bulk.WaitsForPause)
		r.ledger.bound("1", 0)
		r.pass(2 * tick)
		want("1", "i1", bulk.WaitsForPause)
		if w := r.d.Waits("4"); len(w) != 0 {
			t.Errorf("an account without imports waits: %+v", w)
		}
	})
}

func TestCapsComeFromTheLedgerAndAreExact(t *testing.T) {
	play(t, func(r *rig) {
		r.ledger.bound("1", 2)
		r.deliver(r.ref(1, 0), r.ref(1, 1), r.ref(1, 2), r.ref(1, 3))
		a, _ := r.lease(), r.lease()
		r.nothing(time.Second)
		r.give(a, processors.Retry) // it comes back to an account at its cap of one less
		r.lease()
		r.nothing(20 * time.Second)
		r.ledger.bound("1", drr.NoCap)
		began := time.Now()
		r.lease()
		if waited := time.Since(began); waited > tick {
			t.Errorf("a lifted cap acted after %v, want ≤ %v", waited, tick)
		}
	})
}

// Six accounts are served by four slots; each new small import is told how long it
// will wait.
func TestEstimatesAreComparedWithWaits(t *testing.T) {
	play(t, func(r *rig) {
		for account := 4; account < 10; account++ {
			for no := range 600 {
				r.deliver(r.ref(account, no))
			}
		}
		var leases []bulk.Lease
		for range 4 {
			leases = append(leases, r.lease())
		}
		for turn := range 1200 {
			if turn%4 == 0 {
				ref := r.ref(turn%3+1, 0)
				ref.Import = bulk.ImportID(fmt.Sprint("small", turn))
				r.ledger.stage(ref)
				r.deliver(ref)
			}
			r.pass(25 * time.Millisecond)
			r.took(leases[0], 100*time.Millisecond)
			leases = append(leases[1:], r.lease())
		}
		c := r.d.Queue().Calibration
		if half, most := float64(c.Median)/float64(c.Waits), float64(c.Upper)/float64(c.Waits); c.Waits < 250 || half < 0.4 || half > 0.6 || most < 0.85 || most > 0.95 {
			t.Errorf("%d waits, %.2f within the median estimate, %.2f within the upper one; want 0.5 and 0.9", c.Waits, half, most)
		}
	})
}

const tick = 250 * time.Millisecond
