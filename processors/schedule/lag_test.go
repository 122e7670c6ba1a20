package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// hall is a scheduler whose accounts always have work, and slots that take it.
type hall struct {
	*testing.T
	s     *Scheduler
	now   time.Time
	slots []slot
	takes map[bulk.AccountID]time.Duration // a batch
	last  int64                            // batch
}

type slot struct {
	lease        bulk.Lease
	began, until time.Time
}

type deaf struct{}

func (deaf) Ended(bulk.Offset)                     {}
func (deaf) Due()                                  {}
func (deaf) Began(_, _, _ time.Duration)           {}
func (deaf) Leased(time.Duration, int64)           {}
func (deaf) Copied()                               {}
func (deaf) Expired(bulk.Lease)                    {}
func (deaf) Delayed(bulk.BatchRef, int, time.Time) {}
func newHall(t *testing.T, slots int, c Config) *hall {
	c.PartitionOf, c.Observer, c.NoCopies = func(bulk.AccountID) int32 { return 0 }, deaf{}, true
	h := &hall{T: t, s: New(c), now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), slots: make([]slot, slots), takes: map[bulk.AccountID]time.Duration{}}
	h.s.Tick(h.now)
	h.s.Assign(h.now, []int32{0}, nil)
	return h
}

// join lets an account come with work for ever, whose batches take so long.
func (h *hall) join(id bulk.AccountID, weight int, takes time.Duration) {
	h.takes[id] = takes
	h.stage(id, 2*len(h.slots)+2)
	h.weigh(id, weight)
}

func (h *hall) weigh(id bulk.AccountID, weight int) {
	h.s.Steer(h.now, bulk.Controls{Weights: map[bulk.AccountID]int{id: weight}}, Subjects{})
}

func (h *hall) stage(id bulk.AccountID, n int) {
	for range n {
		h.last++
		h.s.Add(h.now, bulk.BatchRef{Account: id, Import: bulk.ImportID("imp_" + id), No: h.last, Rows: int64(h.takes[id] / (20 * time.Microsecond)), StagedAt: h.now}, nil)
	}
}

// run lets time pass, in steps of a hundredth of a second.
func (h *hall) run(d time.Duration) {
	for end := h.now.Add(d); h.now.Before(end); h.now = h.now.Add(10 * time.Millisecond) {
		for i := range h.slots {
			b := &h.slots[i]
			if b.until.After(h.now) {
				continue
			}
			if b.lease.ID != 0 {
				h.s.Return(h.now, b.lease, bulk.Outcome{Result: bulk.ResultFinished, Service: h.now.Sub(b.began)})
				b.lease = bulk.Lease{}
			}
			if a, ok := h.s.Next(h.now, "node", drr.Ask{}); ok {
				*b = slot{*a.Lease, h.now, h.now.Add(h.takes[a.Lease.Ref.Account])}
				h.stage(a.Lease.Ref.Account, 1)
			}
		}
		h.s.Tick(h.now)
	}
}

func (h *hall) lag() bulk.Lag {
	return Lag(h.now.Add(time.Second), bulk.Measured{Queues: []bulk.Queue{h.s.View(h.now)}, Slots: len(h.slots), Nodes: 1})
}

func TestSlotTimeIsCutAtTheBordersOfWindows(t *testing.T) {
	h := newHall(t, 0, Config{})
	h.s.Add(h.now, bulk.BatchRef{Account: "a", Import: "i", No: 1}, nil)
	h.s.Add(h.now, bulk.BatchRef{Account: "a", Import: "i", No: 2}, nil)
	h.s.Add(h.now, bulk.BatchRef{Account: "a", Import: "i", No: 3}, nil)
	h.run(15 * time.Second)
	first, _ := h.s.Next(h.now, "node", drr.Ask{})
	h.run(17 * time.Second) // until 32
	h.s.Return(h.now, *first.Lease, bulk.Outcome{Result: bulk.ResultFinished, Service: 17*time.Second - Turnaround})
	h.run(6 * time.Second)
	h.s.Next(h.now, "node", drr.Ask{}) // at 38
	h.run(25 * time.Second)
	want := map[string]float64{"20": 5, "30": 10, "40": 4, "50": 10, "00": 10}
	for _, w := range h.s.View(h.now).Windows {
		end := w.End.Format("05")
		if len(w.Furthest) != 1 || math.Abs(w.Furthest[0].SlotMS-1000*want[end]) > 1e-6 || w.Length != 10*time.Second {
			t.Errorf("window that ends at %s: %+v, want %v s", end, w, want[end])
		}
		delete(want, end)
	}
	if len(want) > 0 {
		t.Errorf("windows that are missing: %v", want)
	}
}

// Accounts that did not want all that they could have had are compared with nobody.
func TestOnlyAccountsWithWorkThroughoutAreMeasured(t *testing.T) {
	for name, disturb := range map[string]func(h *hall){
		"runs empty for a moment": func(h *hall) {
			h.s.Steer(h.now, bulk.Controls{Ended: map[bulk.ImportID]bool{"imp_b": true}}, SubjectsOf([]bulk.BatchRef{{Import: "imp_b"}}))
			h.stage("b", 9)
		},
		"is paused for a moment": func(h *hall) {
			of := SubjectsOf([]bulk.BatchRef{{Import: "imp_b"}})
			h.s.Steer(h.now, bulk.Controls{Paused: map[bulk.ImportID]bool{"imp_b": true}}, of)
			h.s.Steer(h.now, bulk.Controls{}, of)
		},
		"is at its cap": func(h *hall) {
			h.s.Steer(h.now, bulk.Controls{Weights: map[bulk.AccountID]int{"b": 1}, Caps: map[bulk.AccountID]int{"b": 1}}, Subjects{})
		},
		"changes its weight": func(h *hall) { h.weigh("b", 2) },
		"moves away":         func(h *hall) { h.s.Assign(h.now, nil, nil); h.s.Assign(h.now, []int32{0}, nil); h.stage("a", 9) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, 2, Config{})
			h.join("a", 1, 200*time.Millisecond)
			h.join("b", 1, 200*time.Millisecond)
			h.run(25 * time.Second)
			if p := h.lag().Latest; p == nil || p.Accounts != 2 {
				t.Fatalf("before, the pair is %+v", p)
			}
			disturb(h)
			h.run(6 * time.Second)
			for _, w := range h.s.View(h.now).Windows {
				if w.End.Second() == 30 && w.Accounts == 2 {
					t.Errorf("both are measured in the window in which one %s", name)
				}
			}
		})
	}
}

func TestNobodyElseHadWork(t *testing.T) {
	h := newHall(t, 2, Config{})
	h.join("a", 1, 200*time.Millisecond)
	h.run(2 * time.Minute)
	lag := h.lag()
	if lag.Latest != nil || lag.Worst != nil {
		t.Errorf("an account that is alone is a pair: %+v", lag.Latest)
	}
	if n := len(lag.Minutes); n != 60 || !lag.Minutes[59].Complete || lag.Minutes[50].Complete {
		t.Errorf("%d minutes; the last is complete %v, one before it began %v", n, lag.Minutes[59].Complete, lag.Minutes[50].Complete)
	}
}

// A minute that an owner before measured is not known to the next one.
func TestMinutesBeforeATakeoverAreNotKnown(t *testing.T) {
	h := newHall(t, 1, Config{})
	h.run(3 * time.Minute)
	h.s.Assign(h.now, []int32{0, 1}, nil)
	h.run(2 * time.Minute)
	for i, m := range h.lag().Minutes[55:] {
		if complete := i >= 3; m.Complete != complete {
			t.Errorf("the minute until %s is complete %v, want %v", m.End.Format("15:04"), m.Complete, complete)
		}
	}
}

// Who may run ahead of the round is ahead by no more than that beyond its bound.
func TestAllowanceIsPartOfTheBound(t *testing.T) {
	h := newHall(t, 2, Config{})
	h.join("a", 1, 100*time.Millisecond)
	h.run(9990 * time.Millisecond)
	h.join("newcomer", 1, 100*time.Millisecond)
	h.run(21 * time.Second)
	want := map[string]bool{"20": true, "30": false} // it still has its allowance when the window begins
	for _, w := range h.s.View(h.now).Windows {
		for _, v := range w.Furthest {
			end := w.End.Format("05")
			if ahead, measured := want[end]; measured && v.Account == "newcomer" && (v.AllowanceMS > 0) == ahead {
				delete(want, end)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("the newcomer's allowance is wrong in the windows that end at %v", want)
	}
}

// biased never charges one account.
type biased struct{ *drr.Queue }

func (b biased) Charge(ref bulk.BatchRef, cost time.Duration) {
	if ref.Account != "greedy" {
		b.Queue.Charge(ref, cost)
	}
}

// The page must not call fair what is not: a queue that favours an account breaks the bound.
func TestUnfairnessIsFound(t *testing.T) {
	for name, tt := range map[string]struct {
		queue  func(func(bulk.BatchRef) time.Duration) Discipline
		unfair bool
	}{
		"fair": {nil, false},
		"biased": {func(func(bulk.BatchRef) time.Duration) Discipline {
			return biased{drr.New(drr.Config{Cost: func(bulk.BatchRef) time.Duration { return time.Millisecond }})}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, 4, Config{Discipline: tt.queue})
			h.join("greedy", 1, 100*time.Millisecond)
			for i := range 4 {
				h.join(bulk.AccountID(fmt.Sprint("honest ", i)), 1, 150*time.Millisecond)
			}
			h.run(150 * time.Second)
			lag := h.lag()
			if p := lag.Worst; p == nil || (p.Ratio > 1) != tt.unfair {
				t.Errorf("the worst pair is %+v", p)
			}
			if p := lag.Latest; p == nil || p.Accounts != 5 || tt.unfair && p.Ahead.Account != "greedy" {
				t.Errorf("the latest pair is %+v, want one of 5 accounts", p)
			}
			if own := h.s.Latest(); own == nil || own.Ratio != lag.Latest.Ratio {
				t.Errorf("the dispatcher's own worst pair is %+v, want %+v", own, lag.Latest)
			}
		})
	}
}

// A batch may be felt long after it ended: who began many at once is in debt.
func TestDebtOfEarlierBatchesIsKnown(t *testing.T) {
	h := newHall(t, 8, Config{})
	h.join("debtor", 1, 3*time.Second) // alone, it takes every slot
	h.run(8 * time.Second)
	h.join("other", 1, 100*time.Millisecond)
	h.takes["debtor"] = 100 * time.Millisecond
	h.run(3 * time.Minute)
	if p := h.lag().Worst; p == nil || p.Ratio > 1 {
		t.Errorf("the worst pair is %+v", p)
	}
}

// What is kept is an hour, whatever happens.
func TestAnHourOfWindowsIsKept(t *testing.T) {
	h := newHall(t, 1, Config{})
	h.join("a", 1, time.Second)
	h.join("b", 1, time.Second)
	for range 125 {
		h.run(time.Second)
		for range 59 { // nothing moves for the rest of the minute
			h.now = h.now.Add(time.Second)
			h.s.Tick(h.now)
		}
	}
	if n := len(h.s.View(h.now).Windows); n < 360 || n > 360+60+6+1 {
		t.Errorf("%d windows are kept", n)
	}
	h.now = h.now.Add(2 * time.Hour) // suspended
	h.s.Tick(h.now)
	if lag := h.lag(); lag.Worst != nil || lag.Minutes[0].Complete {
		t.Errorf("after it was suspended, the worst pair is %+v", lag.Worst)
	}
}

// The page cries wolf over no schedule that keeps its promise: batches of any length, also ones
// that change, accounts that come, go, are paused and have a cap.
func TestWhatIsFairIsNotCalledUnfair(t *testing.T) {
	worst := 0.0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 7))
		h := newHall(t, 1+r.IntN(12), Config{Seed: seed})
		longest := []time.Duration{200 * time.Millisecond, time.Second, 10 * time.Second}[r.IntN(3)]
		takes := func() time.Duration {
			return 2*time.Millisecond + time.Duration(r.Float64()*r.Float64()*float64(longest))
		}
		ids := make([]bulk.AccountID, 2+r.IntN(8))
		for i := range ids {
			ids[i] = bulk.AccountID(fmt.Sprint(i))
			h.join(ids[i], 1+r.IntN(16)*r.IntN(2), takes())
		}
		for range 60 {
			h.run(time.Duration(r.IntN(8000)) * time.Millisecond)
			id := ids[r.IntN(len(ids))]
			switch r.IntN(5) {
			case 0:
				h.takes[id] = takes()
			case 1:
				h.weigh(id, 1+r.IntN(16))
			case 2:
				h.s.Steer(h.now, bulk.Controls{Ended: map[bulk.ImportID]bool{"imp_" + bulk.ImportID(id): true}}, SubjectsOf([]bulk.BatchRef{{Import: "imp_" + bulk.ImportID(id)}}))
			case 3:
				h.stage(id, 2*len(h.slots)+2)
			case 4:
				h.s.Steer(h.now, bulk.Controls{Weights: map[bulk.AccountID]int{id: 1}, Caps: map[bulk.AccountID]int{id: r.IntN(3)}}, Subjects{})
			}
		}
		p := h.lag().Worst
		if p == nil {
			continue
		}
		if worst = max(worst, p.Ratio); p.Ratio > 1 {
			t.Fatalf("seed %d: %+v", seed, p)
		}
	}
	t.Logf("worst pair: %.3f of its bound", worst)
}
