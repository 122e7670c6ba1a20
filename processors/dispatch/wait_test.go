package dispatch_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

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
		r.give(r.lease(), bulk.ResultRetry)
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
		arrivals := rand.New(rand.NewPCG(1, 1))
		var warm bulk.Calibration
		for turn := range 2400 {
			if turn%4 == 0 {
				ref := r.ref(turn%3+1, 0)
				ref.Import = bulk.ImportID(fmt.Sprint("small", turn))
				r.ledger.stage(ref)
				r.deliver(ref)
			}
			r.pass(time.Duration(5+arrivals.IntN(40)) * time.Millisecond)
			r.took(leases[0], 100*time.Millisecond)
			leases = append(leases[1:], r.lease())
			if turn == 800 { // first estimates are wide
				warm = r.d.Queue().Calibration
			}
		}
		c := r.d.Queue().Calibration
		c.Waits, c.Median, c.Upper = c.Waits-warm.Waits, c.Median-warm.Median, c.Upper-warm.Upper
		if half, most := float64(c.Median)/float64(c.Waits), float64(c.Upper)/float64(c.Waits); c.Waits < 250 || half < 0.4 || half > 0.6 || most < 0.85 || most > 0.95 {
			t.Errorf("%d waits, %.2f within the median estimate, %.2f within the upper one; want 0.5 and 0.9", c.Waits, half, most)
		}
	})
}
