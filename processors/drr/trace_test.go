package drr_test

import (
	"fmt"
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
