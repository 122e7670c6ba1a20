package dispatch_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

func TestPausedImportIsHeldUntilResumed(t *testing.T) {
	play(t, func(r *rig) {
		a0, a1, b := r.ref(1, 0), r.ref(1, 1), r.ref(2, 0)
		r.ledger.pause(a0.Import, true)
		r.deliver(a0, a1, b)
		l := r.lease()
		r.same(l, b)
		r.give(l, bulk.ResultFinished)
		r.nothing(time.Minute)
		r.ledger.pause(a0.Import, false)
		began := time.Now()
		l = r.lease()
		if waited := time.Since(began); waited > tick {
			t.Errorf("resumed after %v, want ≤ %v", waited, tick)
		}
		r.ledger.pause(a0.Import, true)
		r.give(l, bulk.ResultPaused) // the ledger told the node before it told us
		r.nothing(time.Minute)
		r.ledger.pause(a0.Import, false)
		r.lease()
		r.lease()
	})
}

// Who awaits demand hears of a resume: that a pause took what was known counts.
func TestDemandRisesByAResume(t *testing.T) {
	play(t, func(r *rig) {
		ref := r.ref(1, 0)
		r.deliver(ref)
		ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
		defer cancel()
		told := make(chan time.Time, 1)
		known := r.d.Demand()
		go func() { r.d.AwaitDemand(ctx, known); told <- time.Now() }()
		r.ledger.pause(ref.Import, true)
		r.pass(2 * tick)
		if r.d.Demand().Any() {
			r.Fatal("what is paused is due")
		}
		r.ledger.pause(ref.Import, false)
		resumed := time.Now()
		if took := (<-told).Sub(resumed); took > tick {
			r.Errorf("told %v after the resume", took)
		}
	})
}

// Imports that wait for their owner are asked for when somebody touches them, and now and
// then: as often as the sweep, not four times a second.
func TestPausedImportsAreNotPolled(t *testing.T) {
	play(t, func(r *rig) {
		const paused = 500
		r.ledger.with(func() { r.ledger.controls.Paused = map[bulk.ImportID]bool{} })
		var refs []bulk.BatchRef
		for i := range paused {
			ref := r.ref(i+1, 0)
			r.ledger.controls.Paused[ref.Import] = true
			refs = append(refs, ref)
		}
		r.deliver(refs...)
		r.nothing(time.Second)
		r.ledger.with(func() { r.ledger.asked = nil })
		const sweeps = 10
		r.nothing(sweeps * 30 * time.Second)
		if asked := len(r.ledger.asked); asked > sweeps*paused {
			t.Errorf("the controls of paused imports were asked for %d times in 5 minutes, want at most %d", asked, sweeps*paused)
		}
		r.ledger.with(func() { r.ledger.asked = nil })
		r.ledger.pause("i7", false)
		began := time.Now()
		if r.lease(); time.Since(began) > tick || len(r.ledger.asked) > 10 {
			t.Errorf("resumed after %v, %d imports were asked for; want %v and the one", time.Since(began), len(r.ledger.asked), tick)
		}
	})
}

// What a clock that is wrong noted, or an older process did not note, is found by the sweep.
func TestControlsThatNobodyNotedAreFound(t *testing.T) {
	play(t, func(r *rig) {
		r.ledger.pause("i1", true)
		r.deliver(r.ref(1, 0))
		r.nothing(time.Minute)
		r.ledger.with(func() { r.ledger.controls.Paused = nil })
		began := time.Now()
		if r.lease(); time.Since(began) > 30*time.Second {
			t.Errorf("found after %v, want at most the time between sweeps", time.Since(began))
		}
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
		r.give(failed, bulk.ResultRetry)
		r.ledger.end("i1")
		<-time.After(tick + time.Millisecond)
		r.nothing(20 * time.Second)
		if got := r.topic.finished(); got != 2 {
			t.Errorf("%d offsets marked, want those of the waiting and the failed", got)
		}
		r.give(leased, bulk.ResultFinished)
		if s := r.d.Queue(); s.Waiting+s.InFlight+s.BackingOff != 0 || len(s.Accounts) != 1 || s.Accounts[0].SlotMS != 20 {
			t.Errorf("left over: %+v; want only the slot time used", s)
		}
		r.nothing(61 * time.Second)
		if s := r.d.Queue(); len(s.Accounts) != 0 {
			t.Errorf("left over a minute later: %+v", s)
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

func TestCapsComeFromTheLedgerAndAreExact(t *testing.T) {
	play(t, func(r *rig) {
		r.ledger.bound("1", 2)
		r.deliver(r.ref(1, 0), r.ref(1, 1), r.ref(1, 2), r.ref(1, 3))
		a, _ := r.lease(), r.lease()
		r.nothing(time.Second)
		r.give(a, bulk.ResultRetry) // it comes back to an account at its cap of one less
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
