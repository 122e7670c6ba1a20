package schedule

import (
	"fmt"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

const milli = time.Millisecond

// till adds up what accounts are charged.
type till struct {
	*drr.Queue
	paid map[bulk.AccountID]time.Duration
}

func (t *till) PopFor(ask drr.Ask) (drr.Grant, bool) {
	g, ok := t.Queue.PopFor(ask)
	t.paid[g.Ref.Account] += g.Cost
	return g, ok
}

func (t *till) Charge(ref bulk.BatchRef, cost time.Duration) {
	t.paid[ref.Account] += cost
	t.Queue.Charge(ref, cost)
}

// shop is a scheduler whose charges are seen.
type shop struct {
	*testing.T
	*Scheduler
	till till
	now  time.Time
	last int64
}

func newShop(t *testing.T) *shop {
	s := &shop{T: t, till: till{paid: map[bulk.AccountID]time.Duration{}}, now: time.Unix(1_700_000_000, 0)}
	s.Scheduler = New(Config{
		Discipline: func(predict func(bulk.BatchRef) time.Duration) Discipline {
			s.till.Queue = drr.New(drr.Config{Cost: predict})
			return &s.till
		},
		PartitionOf: func(bulk.AccountID) int32 { return 0 }, Observer: deaf{},
	})
	s.Assign(s.now, []int32{0}, nil)
	return s
}

func (s *shop) add(account bulk.AccountID, imp string, rows, bytes int64) {
	s.last++
	s.Add(s.now, bulk.BatchRef{Account: account, Import: bulk.ImportID(imp), No: s.last, Rows: rows, Bytes: bytes, StagedAt: s.now}, nil)
}

func (s *shop) lease(node bulk.NodeID) bulk.Lease {
	s.Helper()
	a, ok := s.Next(s.now, node, drr.Ask{})
	if !ok {
		s.Fatal("nothing is due")
	}
	return *a.Lease
}

// run works on the next batch to its end.
func (s *shop) run(took time.Duration) {
	s.Helper()
	s.ends(s.lease("node"), bulk.ResultFinished, took)
}

func (s *shop) ends(l bulk.Lease, result bulk.Result, took time.Duration) {
	s.Helper()
	s.pass(took)
	if !s.Return(s.now, l, bulk.Outcome{Result: result, Service: took}) {
		s.Fatal("the lease was not held")
	}
}

func (s *shop) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(min(heartbeat, end.Sub(s.now)))
		s.Tick(s.now)
	}
}

// charged returns what an account paid since it was last asked.
func (s *shop) charged(account bulk.AccountID) time.Duration {
	defer func() { s.till.paid[account] = 0 }()
	return s.till.paid[account].Round(milli / 2)
}

func (s *shop) pays(account bulk.AccountID, want time.Duration, of string) {
	s.Helper()
	if got := s.charged(account); got != want {
		s.Errorf("%s: charged %v, want %v", of, got, want)
	}
}

func TestPredictionsAreByImportThenByAccount(t *testing.T) {
	s := newShop(t)
	s.add("other", "o", 1000, 0)
	s.run(8 * time.Second) // what others do is nobody's guess
	s.add("a", "i", 1000, 0)
	s.add("a", "i", 4000, 0)
	l := s.lease("node")
	s.pays("a", guess, "nothing is known of the account")
	s.ends(l, bulk.ResultFinished, 36*milli)
	s.pays("a", 36*milli+Turnaround-guess, "what it took")
	s.lease("node")
	s.pays("a", 126*milli+Turnaround, "four times the rows, at the pace of the import: 3 ms a millisecond of work")
	s.add("a", "wide", 4000, 40_000_000)
	s.lease("node")
	s.pays("a", 36*milli+Turnaround, "a new import of a known account: the mean of its batches")
	s.add("b", "i2", 1000, 100_000)
	s.add("b", "i2", 1000, 700_000)
	s.run(14 * milli)
	s.charged("b")
	s.lease("node")
	s.pays("b", 26*milli+Turnaround, "more bytes, no more rows: at the same pace")
}

// A batch that takes long is charged while it does, and so are the next ones from the
// beginning.
func TestBatchesAreChargedAsTheyRun(t *testing.T) {
	s := newShop(t)
	for range 3 {
		s.add("a", "i", 8, 0)
	}
	l := s.lease("node")
	s.charged("a")
	s.pass(200 * milli)
	s.pays("a", 0, "a batch that may still be as short as was guessed")
	s.pass(800 * milli)
	s.pays("a", time.Second+heartbeat-guess, "a batch after a second")
	next := s.lease("node")
	s.pays("a", time.Second+Turnaround, "the next one meanwhile")
	s.ends(l, bulk.ResultFinished, 200*milli)
	s.charged("a")
	s.ends(next, bulk.ResultFinished, 0)
	s.Next(s.now, "node", drr.Ask{})
	if got := s.charged("a"); got > time.Second {
		t.Errorf("with none that runs long, %v were charged for the next", got)
	}
}

// Who causes attempts pays for them: failed ones, and both copies of a batch.
func TestEveryAttemptIsCharged(t *testing.T) {
	s := newShop(t)
	s.add("a", "i", 1000, 0)
	s.ends(s.lease("node"), bulk.ResultRetry, 40*milli)
	s.pays("a", 40*milli+Turnaround, "a failed attempt")
	s.pass(time.Second)
	s.ends(s.lease("node"), bulk.ResultFinished, 60*milli)
	s.pays("a", 60*milli+Turnaround, "the retry")

	for i := range 200 { // what is normal is learnt
		s.add("b", "j", 1000, 0)
		s.ends(s.lease(bulk.NodeID(fmt.Sprint("node", i%2))), bulk.ResultFinished, 100*milli)
	}
	s.charged("b")
	s.add("b", "j", 1000, 0)
	slow := s.lease("node0")
	s.pass(2 * time.Second)
	copied := s.lease("node1")
	if copied.Ref.ID() != slow.Ref.ID() {
		t.Fatalf("%v was leased, want a copy of %v", copied.Ref.ID(), slow.Ref.ID())
	}
	s.ends(copied, bulk.ResultFinished, 100*milli)
	s.pass(900 * milli)
	if s.Return(s.now, slow, bulk.Outcome{Result: bulk.ResultFinished, Service: 3 * time.Second}); s.charged("b") != 3100*milli+2*Turnaround {
		t.Errorf("two copies of 3 s and 100 milli: charged otherwise")
	}
}

// A node that is lost is not its account's fault.
func TestLostNodeCostsWhatWasPredicted(t *testing.T) {
	s := newShop(t)
	s.add("a", "i", 1000, 0)
	s.run(100 * milli)
	s.charged("a")
	s.add("a", "i", 1000, 0)
	s.lease("lost")
	s.pass(leaseLeast + time.Second)
	s.pays("a", 100*milli+Turnaround, "a lease that expired")
}

func TestPace(t *testing.T) {
	rows := func(n int64) bulk.BatchRef { return bulk.BatchRef{Rows: n} }
	p := pace(0)
	for range 50 {
		p = p.add(96*milli, rows(1000))
	}
	if got := p.of(rows(8200)).Round(milli); got != 672*milli {
		t.Errorf("predicted %v, want 672 milli", got)
	}
	if got := p.add(time.Hour, rows(1)).of(rows(1000)); got > 160*milli {
		t.Errorf("one stray measurement made it %v, want at most 154 milli", got)
	}
}

// A node that is known to be slow still works for those in debt, where nobody else waits.
func TestSlowNodeServesDebtors(t *testing.T) {
	s := newShop(t)
	for i := range 120 {
		s.add("a", "i", 1000, 0)
		s.ends(s.lease(bulk.NodeID(fmt.Sprint("quick", i%4))), bulk.ResultFinished, 100*milli)
	}
	for range 8 {
		s.add("a", "i", 1000, 0)
		s.ends(s.lease("slow"), bulk.ResultFinished, 4*time.Second)
	}
	if !s.slow("slow") || s.slow("quick1") {
		t.Fatalf("slow %v, quick %v", s.nodes["slow"], s.nodes["quick1"])
	}
	s.add("a", "j", 1000, 0)
	s.add("a", "j", 1000, 0)
	s.lease("quick1")
	s.charge(s.granted[len(s.granted)-1], time.Hour)
	if d := s.queue.Demand(); d.Round > 0 || d.Owing != 1 {
		t.Fatalf("demand %+v, want an account in debt", d)
	}
	s.lease("slow")
}
