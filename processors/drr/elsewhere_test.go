package drr_test

import (
	"math"
	"testing"
	"time"

	"bulkhead/processors/drr"
)

func TestDemandIsWhatMayRun(t *testing.T) {
	w := newWorld(t, drr.Config{})
	demand := func(want drr.Demand) {
		t.Helper()
		got := w.Demand()
		got.Virtual, got.InFlight = 0, 0
		if got != want {
			t.Errorf("demand %+v, want %+v", got, want)
		}
	}
	demand(drr.Demand{})
	w.settled("a", "b")
	w.push("n", 0, 3, 10)
	demand(drr.Demand{Ahead: 3, Fresh: 1}) // a newcomer: all that it has
	w.want(3, "n.0 n.1 n.2")
	w.push("n", 3, 9, 10)
	demand(drr.Demand{Ahead: 2, Fresh: 1}) // what is left of its allowance
	w.want(9, "n.3 n.4 n.5 n.6 n.7 n.8 n.9 n.10 n.11")
	w.push("c", 0, 400, 10)
	w.push("d", 0, 400, 10)
	w.pops(10)
	demand(drr.Demand{Round: 2})
	w.SetWeight("c", 3)
	demand(drr.Demand{Round: 4})
	w.Charge(w.refs["c.0"], 3*90*ms) // further ahead of the round than an allowance
	demand(drr.Demand{Round: 1, Owing: 1})
	w.Charge(w.refs["d.0"], time.Second)
	demand(drr.Demand{Owing: 2})
	w.want(2, "c.5 c.6") // they run where nobody else waits, who owes least first
	demand(drr.Demand{Round: 3, Owing: 1})
}

// Virtual time is that of those in the round, by weight; of nobody's but theirs.
func TestVirtualIsTheMeanOfTheRound(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.pops(10)
	w.SetWeight("a", 3)
	w.Heard(1, false)
	before := w.Virtual()
	w.Charge(w.refs["a.0"], 40*ms)
	if got := w.Virtual() - before; math.Abs(float64(got)-0.010) > 1e-9 {
		t.Errorf("it moved by %v, want 10 ms: 40 ms by four weights", got)
	}
	before = w.Virtual()
	w.push("n", 0, 1, 10)
	if w.Virtual() != before {
		t.Error("a newcomer moved it")
	}
	if g, ok := w.PopFor(drr.Ask{Lane: drr.Newcomer, Virtual: 1000}); !ok || name(g.Ref) != "n.0" || w.Virtual() != before {
		t.Error("what other dispatchers have come to moved it though accounts here are in the round")
	}
}

// A dispatcher where nobody is in the round follows the others, and an idle cluster forgives.
func TestRoundGoesOnElsewhere(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a", 0, 9, 10)
	w.pops(9)
	w.Heard(1000, false) // nothing here has a history that could be compared
	if w.Virtual() != 1000 {
		t.Errorf("virtual time %v, want 1000", w.Virtual())
	}
	w.push("b", 0, 9, 10)
	w.Heard(2000, false)
	ahead := 0
	for g, ok := w.Pop(); ok && g.Ahead; g, ok = w.Pop() {
		ahead++
	}
	if w.Virtual() < 2000 || ahead != 5 {
		t.Errorf("virtual time %v, and %d batches ran ahead; want 2000, and five", w.Virtual(), ahead)
	}
	w.pops(9)
	w.finish("b.0", time.Hour)
	w.push("c", 0, 1, 10)
	w.Heard(3000, false)
	w.want(1, "c.0")
	before := w.Virtual()
	w.Heard(0, true)
	w.push("b", 9, 1, 10)
	w.push("d", 0, 1, 10)
	if d := w.Demand(); d.Owing > 0 || w.Virtual() > before {
		t.Errorf("demand %+v, and the round went from %v to %v; want no debt, and no further", d, before, w.Virtual())
	}
}

// A slot that is for the round, because others are due elsewhere, is not for who is in debt
// here: the round would go on to where the debt ends, and who comes later begins there.
func TestDebtorsComeAfterThoseDueElsewhere(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.Heard(1000, false)
	w.push("a", 0, 9, 10)
	w.want(1, "a.0")
	w.finish("a.0", time.Minute)
	before := w.Virtual()
	if g, ok := w.PopFor(drr.Ask{Lane: drr.Round, Virtual: 1000}); ok || w.Virtual() != before {
		t.Errorf("%s runs before those who are due elsewhere; the round went from %v to %v", name(g.Ref), before, w.Virtual())
	}
	if g, ok := w.PopFor(drr.Ask{Virtual: 1000}); !ok || name(g.Ref) != "a.1" {
		t.Errorf("%s runs where nobody is due anywhere, want a.1", name(g.Ref))
	}
}

// Who is in debt and alone comes to its turn, as those elsewhere go on.
func TestDebtIsPaidWhileOthersRunElsewhere(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.Heard(1000, false)
	w.push("a", 0, 9, 10)
	w.want(1, "a.0")
	w.finish("a.0", time.Minute)
	if d := w.Demand(); d.Owing != 1 {
		t.Fatalf("demand %+v, want an account in debt", d)
	}
	w.Heard(1060, false)
	if d := w.Demand(); d.Round != 1 || d.Owing != 0 {
		t.Errorf("demand %+v, want an account in the round", d)
	}
}
