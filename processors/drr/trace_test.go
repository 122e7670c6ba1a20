package drr_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

const ms = time.Millisecond

// world drives a queue whose costs are its rows in milliseconds. A batch is
// written "account import no rows" and traced as "import.no".
type world struct {
	*testing.T
	*drr.Queue
	refs  map[string]bulk.BatchRef
	epoch time.Time
}

func newWorld(t *testing.T, cfg drr.Config) *world {
	cfg.Quantum = 10 * ms
	cfg.Cost = func(r bulk.BatchRef) time.Duration { return time.Duration(r.Rows) * ms }
	return &world{t, drr.New(cfg), map[string]bulk.BatchRef{}, time.Unix(1_700_000_000, 0)}
}

// push adds n batches of an import; its account is the import's first letter.
func (w *world) push(imp string, from, n int, rows int64, prio ...bulk.Priority) {
	w.Helper()
	for no := from; no < from+n; no++ {
		r := bulk.BatchRef{
			Account: bulk.AccountID(imp[:1]), Import: bulk.ImportID(imp), No: int64(no), Rows: rows,
			StagedAt: w.epoch.Add(time.Duration(len(w.refs)) * time.Second),
		}
		if len(prio) > 0 {
			r.Priority = prio[0]
		}
		w.refs[name(r)] = r
		if !w.Push(r) {
			w.Fatalf("push %s: paused already", name(r))
		}
	}
}

// pops takes n decisions and renders them; it stops where nothing may run.
func (w *world) pops(n int) string {
	var out []string
	for range n {
		g, ok := w.Pop()
		if !ok {
			out = append(out, "-")
			break
		}
		out = append(out, name(g.Ref))
	}
	return strings.Join(out, " ")
}

func (w *world) finish(batch string, took time.Duration) {
	w.Helper()
	ref := w.refs[batch]
	w.Charge(ref, took-time.Duration(ref.Rows)*ms)
	if !w.Finish(ref.ID()) {
		w.Fatalf("finish %s: not in flight", batch)
	}
}

func (w *world) want(n int, want string) {
	w.Helper()
	if got := w.pops(n); got != want {
		w.Fatalf("dequeued\n got %s\nwant %s", got, want)
	}
}

func name(r bulk.BatchRef) string { return fmt.Sprintf("%s.%d", r.Import, r.No) }

// settled pushes accounts past their allowance, so that a trace shows the round alone.
func (w *world) settled(imports ...string) {
	for _, imp := range imports {
		w.push(imp, 1000, 5, 10)
	}
	w.pops(5 * len(imports))
}

func TestRoundsAreByTimeNotByBatches(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 8, 10) // a's batches take 10 ms, b's 5 ms: b runs two a turn
	w.push("b", 0, 8, 5)
	w.want(9, "a.0 b.0 b.1 a.1 b.2 b.3 a.2 b.4 b.5")
}

func TestQuantumFollowsTheWeight(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.SetWeight("a", 3)
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.want(8, "a.0 a.1 a.2 b.0 a.3 a.4 a.5 b.1")
	w.SetWeight("b", 3) // acts at once: what it used of this turn counts a third
	w.want(8, "b.2 b.3 a.6 b.4 a.7 b.5 a.8 b.6")
}

func TestOnlyTheRatioOfWeightsCounts(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.SetWeight("a", 16)
	w.SetWeight("b", 8)
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.want(6, "a.0 a.1 b.0 a.2 a.3 b.1")
}

func TestOverdraftIsPaidBack(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 6, 6) // 6+6 overdraws by 2, then 8: 6+6 overdraws by 4, then 6
	w.push("b", 0, 6, 10)
	w.want(8, "a.0 a.1 b.0 a.2 a.3 b.1 a.4 b.2")
}

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

func TestGrantsTellWhyTheyCameWhenTheyDid(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 9, 10)
	w.push("b", 0, 9, 10)
	w.push("n", 0, 1, 10)
	w.want(2, "n.0 a.0")
	w.finish("a.0", 30*ms) // 20 more than it was charged
	before := w.Rounds()
	var ahead, paid []string
	for range 5 {
		g, _ := w.Pop()
		if g.Ahead {
			ahead = append(ahead, name(g.Ref))
		}
		if g.Paid > 0 {
			paid = append(paid, fmt.Sprint(name(g.Ref), " after ", g.Paid))
		}
	}
	if len(ahead) != 0 || fmt.Sprint(paid) != "[a.1 after 2]" {
		t.Errorf("ahead of the round %v, debt paid %v; want none, and a.1 after two turns", ahead, paid)
	}
	if got := w.Rounds() - before; got < 3 || got > 4 {
		t.Errorf("%d rounds, want three or four: b.1, b.2, b.3 and a.1 between them", got)
	}
	w.push("m", 0, 1, 10)
	if g, _ := w.Pop(); !g.Ahead || !w.Waits("a") || w.Waits("m") {
		t.Errorf("%s ahead %v; a waits %v, m waits %v", name(g.Ref), g.Ahead, w.Waits("a"), w.Waits("m"))
	}
}

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

func TestMistakenPredictionIsCorrected(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 6, 10)
	w.push("b", 0, 6, 10)
	w.want(2, "a.0 b.0")
	w.finish("a.0", 30*ms) // 20 ms more than it was charged: it misses two turns
	w.finish("b.0", 10*ms)
	w.want(5, "b.1 b.2 a.1 b.3 a.2")
}

func TestDebtIsKeptWhole(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 6, 10)
	w.push("b", 0, 60, 10)
	w.want(2, "a.0 b.0")
	w.finish("a.0", 310*ms) // thirty turns
	for range 30 {
		if g, _ := w.Pop(); g.Ref.Account != "b" {
			t.Fatalf("%s before its debt is paid", name(g.Ref))
		}
	}
	w.want(2, "a.1 b.31")
	w.finish("a.1", time.Hour)
	w.pops(28)
	w.want(4, "a.2 a.3 a.4 a.5") // nobody else waits: no slot stays idle
}

func TestDebtOutlivesTheWork(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b", "c")
	for no := range 5 {
		w.finish(fmt.Sprint("c.", 1000+no), 10*ms)
	}
	w.push("b", 0, 19, 10)
	w.push("c", 0, 1, 10)
	w.want(3, "b.0 c.0 b.1")
	w.finish("c.0", 40*ms) // 30 in debt, and nothing to do
	w.want(1, "b.2")
	w.push("c", 1, 2, 10)
	w.want(5, "b.3 b.4 c.1 b.5 c.2")
}

func TestCapInterruptsATurnButDoesNotEndIt(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	for i := 1000; i < 1005; i++ {
		w.finish(fmt.Sprintf("a.%d", i), 10*ms)
	}
	w.push("a", 0, 9, 4) // three a turn: 12 of 10 ms
	w.push("b", 0, 9, 10)
	w.SetCap("a", 1)
	w.want(3, "a.0 b.0 b.1")
	w.finish("a.0", 4*ms)
	w.want(2, "a.1 b.2") // goes on at once; of the turns that it missed nothing is left
	w.finish("a.1", 4*ms)
	w.want(2, "a.2 b.3")
	w.finish("a.2", 4*ms)
	w.want(2, "a.3 b.4")
	w.finish("a.3", 4*ms)
	w.SetCap("a", drr.NoCap)
	w.want(8, "a.4 a.5 a.6 b.5 a.7 a.8 b.6 b.7") // no burst
}

func TestCapIsExact(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a", 0, 4, 10)
	w.SetCap("a", 2)
	w.want(3, "a.0 a.1 -")
	w.finish("a.1", 10*ms)
	w.want(2, "a.2 -")
}

func TestCapOfZeroPausesAtNoCostToOthers(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 3, 10)
	w.push("b", 0, 3, 10)
	w.SetCap("a", 0)
	w.want(3, "b.0 b.1 b.2")
	if got := w.Weight(); got != 0 {
		t.Errorf("weight %d, want 0: nothing may run, so no slot should ask here", got)
	}
	w.want(1, "-")
	w.SetCap("a", drr.NoCap) // it earned nothing meanwhile: no burst
	w.push("b", 3, 3, 10)
	w.want(5, "a.0 a.1 b.3 a.2 b.4")
}

func TestFIFOKnowsNoAccounts(t *testing.T) {
	w := newWorld(t, drr.Config{FIFO: true})
	w.push("a1", 0, 3, 10)
	w.push("b", 0, 1, 1, bulk.PriorityHigh)
	w.push("a2", 0, 1, 1)
	w.push("a1", 3, 1, 10)
	w.want(2, "a1.0 a1.1")
	if gone := w.Evict(func(id bulk.AccountID) bool { return id == "b" }); len(gone) != 1 {
		t.Errorf("evicted %v, want b.0", gone)
	}
	w.finish("a1.1", 10*ms)
	w.want(4, "a1.2 a2.0 a1.3 -")
}

func TestPrioritiesShareTheAccount8To3To1(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("ah", 0, 30, 1, bulk.PriorityHigh)
	w.push("an", 0, 30, 1, bulk.PriorityNormal)
	w.push("al", 0, 30, 1, bulk.PriorityLow)
	got := w.pops(24)
	for imp, want := range map[string]int{"ah.": 16, "an.": 6, "al.": 2} {
		if n := strings.Count(got, imp); n != want {
			t.Errorf("%s %d times in 24 picks, want %d: %s", imp, n, want, got)
		}
	}
	if want := "ah.0 an.0 ah.1 ah.2 al.0 ah.3"; !strings.HasPrefix(got, want) {
		t.Errorf("not interleaved\n got %s\nwant %s …", got, want)
	}
}

func TestPriorityMovesNoAccountBeforeAnother(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 4, 10, bulk.PriorityLow)
	w.push("b", 0, 4, 10, bulk.PriorityHigh)
	w.want(4, "a.0 b.0 a.1 b.1")
}

func TestLeastRemainingWorkFirstAndEveryFourthTheOldest(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("aWhale", 0, 20, 1)
	w.push("aSmall", 0, 3, 1)
	w.push("aOther", 0, 6, 1)
	w.want(11, "aSmall.0 aSmall.1 aSmall.2 aWhale.0 aOther.0 aOther.1 aOther.2 aWhale.1 aOther.3 aOther.4 aOther.5")
}

func TestHoldKeepsBackAndReleaseBringsBack(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a1", 0, 3, 1)
	w.push("a2", 0, 5, 1)
	w.Pause("a1")
	w.push("a1", 3, 1, 1) // what comes while it is paused is paused as well
	w.want(2, "a2.0 a2.1")
	w.Unpause("a1")
	w.want(4, "a2.2 a1.0 a2.3 a2.4")
	w.Pause("a1")
	w.want(1, "-")
	w.Unpause("a1")
	w.want(4, "a1.1 a1.2 a1.3 -")
}

func TestDropForgetsWhatWaits(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a1", 0, 3, 1)
	w.push("a2", 0, 1, 1)
	w.want(2, "a2.0 a1.0")
	gone := w.Drop("a1")
	if len(gone) != 2 || gone[0] != w.refs["a1.1"].ID() || gone[1] != w.refs["a1.2"].ID() {
		t.Errorf("dropped %v, want a1.1 and a1.2", gone)
	}
	w.want(1, "-")
	if !w.Contains(w.refs["a1.0"].ID()) || w.Contains(w.refs["a1.1"].ID()) {
		t.Error("what is in flight must stay known, what was dropped must not")
	}
	w.finish("a1.0", ms)
	if w.InFlight() != 1 || w.Waiting() != 0 {
		t.Errorf("in flight %d, waiting %d; want 1, 0", w.InFlight(), w.Waiting())
	}
}

func TestEvictForgetsAnAccount(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.push("a", 0, 3, 1)
	w.push("b", 0, 2, 1)
	w.want(1, "a.0")
	if gone := w.Evict(func(id bulk.AccountID) bool { return id == "a" }); len(gone) != 3 {
		t.Errorf("evicted %v, want all three of a", gone)
	}
	if w.Finish(w.refs["a.0"].ID()) {
		t.Error("a completion of an evicted batch was taken")
	}
	w.want(3, "b.0 b.1 -")
	w.push("a", 0, 1, 1) // it may come back
	w.want(1, "a.0")
}

func TestRetryIsChargedForItsRealTime(t *testing.T) {
	w := newWorld(t, drr.Config{})
	w.settled("a", "b")
	w.push("a", 0, 3, 10)
	w.push("b", 0, 6, 10)
	w.want(2, "a.0 b.0")
	w.finish("a.0", 30*ms) // failed after 30 ms: it misses two turns
	w.Push(w.refs["a.0"])  // its back-off is over
	w.want(7, "b.1 b.2 a.1 b.3 a.2 b.4 a.0")
}

func TestShuffleIsSeeded(t *testing.T) {
	order := func(seed uint64) string {
		w := newWorld(t, drr.Config{Seed: seed})
		for _, a := range "abcdefgh" {
			w.push(string(a), 0, 1, 1)
		}
		w.Shuffle()
		return w.pops(8)
	}
	if first, again := order(1), order(1); first != again {
		t.Error("the same seed gave two orders")
	}
	if order(1) == order(2) {
		t.Error("two seeds gave the same order")
	}
}
