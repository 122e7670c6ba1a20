package drr_test

import (
	"testing"

	"bulkhead/processors/drr"
)

func TestNewcomerRunsAheadWithinItsAllowance(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b", "c")
	for _, old := range []string{"a", "b", "c"} {
		w.push(old, 0, 9, 10)
	}
	w.want(3, "a.0 b.0 c.0")
	w.push("n", 0, 8, 10) // five quanta at once; then like everyone
	w.push("m", 0, 8, 10) // five quanta, but only every other dispatch
	w.want(12, "n.0 n.1 n.2 n.3 n.4 a.1 m.0 b.1 m.1 c.1 m.2 n.5")
	w.want(12, "m.3 a.2 m.4 b.2 c.2 n.6 a.3 m.5 b.3 c.3 n.7 a.4")
}

func TestSlotsForTheRoundGetNoNewcomersWhileOthersWait(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 1, 10)
	w.push("b", 0, 1, 10)
	w.push("n", 0, 2, 10)
	got := ""
	for range 4 {
		g, _ := w.PopFor(drr.Ask{Lane: drr.Round})
		got += name(g.Ref) + " "
	}
	if want := "a.0 b.0 n.0 n.1 "; got != want {
		t.Errorf("a slot for the round got %s, want %s", got, want)
	}
	if g, ok := w.PopFor(drr.Ask{Lane: drr.Round}); ok {
		t.Errorf("an empty queue gave %s", name(g.Ref))
	}
}

func TestAllowanceOutlivesAShortGap(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.push("n", 0, 1, 10)
	w.want(2, "n.0 a.0")
	w.push("n", 1, 1, 10) // n.0 is in flight: the account is still the same newcomer
	w.want(3, "n.1 b.0 a.1")
	w.finish("n.0", 10*ms)
	w.finish("n.1", 10*ms)
	w.push("n", 2, 6, 10) // three quanta are left, and the round goes on
	w.want(8, "n.2 n.3 n.4 n.5 n.6 b.1 a.2 n.7")
}

// The allowance is a token bucket: it fills by a quantum a round, to five at most.
func TestAllowanceFillsAsTheRoundGoesOn(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 50, 10)
	w.push("b", 0, 50, 10)
	ahead := func(from, rounds int) (n int) {
		w.pops(2 * rounds)
		w.push("n", from, 9, 10)
		for range 9 {
			g, _ := w.PopFor(drr.Ask{Lane: drr.Newcomer})
			if g.Ref.Account != "n" {
				break
			}
			n++
			w.finish(name(g.Ref), 10*ms)
		}
		w.Drop("n")
		return n
	}
	w.push("n", 1000, 1, 10)
	w.want(1, "n.1000") // it ends never: the account is known all the time
	for i, tt := range []struct{ rounds, want int }{{0, 4}, {0, 0}, {1, 1}, {3, 3}, {20, 5}} {
		if got := ahead(10*i, tt.rounds); got != tt.want {
			t.Errorf("%d batches ran ahead of the round after %d rounds, want %d", got, tt.rounds, tt.want)
		}
	}
}

// An allowance is real time: what was predicted too high is given back.
func TestAllowanceIsRealTime(t *testing.T) {
	w := newWorld(t, drr.Config{Allowance: 20})
	w.push("a", 1000, 20, 10)
	w.push("b", 1000, 20, 10)
	w.pops(40) // past their allowances
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.push("n", 0, 20, 125)
	w.want(3, "n.0 n.1 a.0")
	w.finish("n.0", 5*ms)
	w.finish("n.1", 5*ms) // 10 ms are used, not 250
	w.want(3, "n.2 n.3 b.0")
}

// A burst is slot time: long batches end it as short ones do.
func TestBurstsAreSlotTime(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	for _, n := range []string{"k", "l", "m", "n"} {
		w.push(n, 0, 1, 25)
	}
	w.want(5, "k.0 l.0 a.0 m.0 n.0")
}

// A newcomer that takes long is in debt alone: other newcomers do not wait for it.
func TestLongNewcomerHoldsNobodyUp(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 9, 10)
	w.push("n", 0, 1, 10)
	w.push("m", 0, 9, 10)
	w.want(1, "n.0")
	for range 1000 { // as it runs
		w.Charge(w.refs["n.0"], 5*ms)
	}
	w.want(5, "a.0 m.0 m.1 m.2 m.3") // it had a burst
}

// What is given back makes nobody a newcomer again for less than a turn: it would lose its
// place in the round.
func TestSmallRefundKeepsThePlaceInTheRound(t *testing.T) {
	w := newWorld(t, drr.Config{Allowance: 20})
	w.push("n", 0, 9, 100)
	w.want(2, "n.0 n.1")
	w.finish("n.0", 50*ms)
	if d := w.Demand(); d.Fresh != 0 || d.Round != 1 {
		t.Errorf("after 50 ms were given back: %+v", d)
	}
	w.finish("n.1", 50*ms)
	if d := w.Demand(); d.Fresh != 1 || d.Round != 0 {
		t.Errorf("after a turn's worth: %+v", d)
	}
}

// Newcomers take turns of 100 ms.
func TestNewcomersTakeTurns(t *testing.T) {
	w := newWorld(t, drr.Config{Allowance: 100})
	w.push("m", 0, 20, 50)
	w.push("n", 0, 20, 40)
	w.want(10, "m.0 m.1 n.0 n.1 n.2 m.2 m.3 n.3 n.4 n.5")
}
