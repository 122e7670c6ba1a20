package schedule

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// guess is what a batch is charged at first of whose account nothing is known yet.
const guess = 250 * time.Millisecond

// Turnaround is what a lease costs a slot beside the batch: the calls around it. It is part
// of the slot time of every batch. Left out, who sends many batches of a millisecond would
// have more slots than it pays for.
const Turnaround = 500 * time.Microsecond

// heartbeat is how far ahead a batch is charged, at most, that runs longer than predicted:
// until the next tick. A short one is charged for as long again as it ran.
const heartbeat = 100 * time.Millisecond

// work is what a batch takes where every import is alike, in seconds. Only its proportions
// count, between batches of one import: each has a pace of its own.
func work(ref bulk.BatchRef) float64 {
	return 2e-3 + 10e-6*float64(ref.Rows) + 20e-9*float64(ref.Bytes)
}

// pace is a moving average of slot time ÷ work. The zero pace knows nothing yet.
type pace float64

// smoothing is the weight of the newest batch.
const smoothing = 0.2

// add takes in what a batch took. One stray measurement moves the average by a bounded
// factor.
func (p pace) add(took time.Duration, ref bulk.BatchRef) pace {
	got := pace(took.Seconds() / work(ref))
	if p == 0 {
		return got
	}
	return p + smoothing*(min(max(got, p/4), 4*p)-p)
}

func (p pace) of(ref bulk.BatchRef) time.Duration {
	return time.Duration(float64(p) * work(ref) * float64(time.Second))
}

// predict is what a batch's account is charged for it at first: by the pace of its import,
// else the mean of its account's batches, else a guess. What others do never counts.
func (s *Scheduler) predict(ref bulk.BatchRef) time.Duration {
	switch imp, a := s.imports[ref.Import], s.accounts[ref.Account]; {
	case s.cfg.Cost != nil:
		return s.cfg.Cost(ref) + Turnaround
	case imp != nil && max(imp.pace, imp.late) > 0:
		return max(imp.pace, imp.late).of(ref) + Turnaround
	case a != nil && max(a.mean, a.late) > 0:
		return max(a.mean, a.late) + Turnaround
	}
	return guess
}

// expect is what a batch will take: as predict, but where the import is new, what all
// batches here take says more than a guess. Nobody is charged by it.
func (s *Scheduler) expect(ref bulk.BatchRef) time.Duration {
	if imp := s.imports[ref.Import]; s.cfg.Cost == nil && s.pace > 0 && (imp == nil || imp.pace == 0) {
		return s.pace.of(ref)
	}
	return s.predict(ref) - Turnaround
}

// learn takes in what a finished batch took.
func (s *Scheduler) learn(j *job, took time.Duration) {
	if took <= 0 {
		return
	}
	imp, a := s.imports[j.ref.Import], s.accounts[j.ref.Account]
	imp.pace = imp.pace.add(took, j.ref)
	s.pace = s.pace.add(took, j.ref)
	if a.mean == 0 {
		a.mean = took
	}
	a.mean += time.Duration(smoothing * float64(took-a.mean))
}

// charge brings what a lease's account was charged for it to a slot time in all.
func (s *Scheduler) charge(l *lease, total time.Duration) {
	if total != l.cost {
		s.queue.Charge(l.Ref, total-l.cost)
		l.cost = total
	}
}

// overrun charges batches that run longer than predicted while they do, and lets the next
// ones of their import and account be predicted to take as long: else an account of whose
// batches nothing is known yet could begin hundreds of long ones at the price of short ones.
func (s *Scheduler) overrun(now time.Time) {
	for _, ref := range s.late {
		if imp := s.imports[ref.Import]; imp != nil {
			imp.late = 0
		}
		if a := s.accounts[ref.Account]; a != nil {
			a.late = 0
		}
	}
	s.late = s.late[:0]
	for _, l := range s.granted {
		age := now.Sub(l.granted)
		if s.leases[l.ID] != l || l.job == nil || age < l.cost {
			continue
		}
		s.charge(l, age+min(age, heartbeat))
		s.late = append(s.late, l.Ref)
		imp, a := s.imports[l.Ref.Import], s.accounts[l.Ref.Account]
		imp.late = max(imp.late, pace(age.Seconds()/work(l.Ref)))
		a.late = max(a.late, age)
	}
}

// mostNodes bounds what is remembered of nodes, most of which may be long gone.
const mostNodes = 4096

// learnNode takes in what a batch took on a node, whether it was the first to end it or not.
func (s *Scheduler) learnNode(l *lease, took time.Duration) {
	s.tail.Add(took, l.predicted)
	if len(s.nodes) >= mostNodes {
		clear(s.nodes)
		s.slowness = 0
	}
	was := s.nodes[l.Node]
	s.nodes[l.Node] = was.Add(took, l.predicted)
	s.slowness += s.nodes[l.Node] - was
}

// findLagging looks for batches that a second copy would probably end sooner, and for
// which their import waits: nothing else of it is queued.
func (s *Scheduler) findLagging(now time.Time) {
	clear(s.lagging)
	s.lagging = s.lagging[:0]
	if s.cfg.NoCopies || !s.tail.Afford() {
		return
	}
	for _, l := range s.granted {
		if s.leases[l.ID] != l || l.job == nil || len(l.job.leases) > 1 {
			continue
		}
		after, pays := s.tail.After(l.predicted, s.nodes[l.Node])
		if pays && now.Sub(l.granted) > after && !s.queue.Waits(l.job.ref.Import) {
			s.lagging = append(s.lagging, l.job)
		}
	}
	if len(s.lagging) > 0 {
		s.cfg.Observer.Due()
	}
}

// straggler takes a lagging batch for a second copy on this node, or nil. Its account has
// room for it, and it is not this node that is slow.
func (s *Scheduler) straggler(node bulk.NodeID) *job {
	if len(s.lagging) == 0 || s.slow(node) {
		return nil
	}
	for i, j := range s.lagging {
		if j == nil || len(j.leases) != 1 || j.leases[0].Node == node {
			continue
		}
		if v, _ := s.queue.Import(j.ref.Import); v.Capped || !s.tail.Afford() {
			continue
		}
		s.lagging[i] = nil
		s.tail.Spend()
		return j
	}
	return nil
}

// Demand is what is due here; nodes choose among dispatchers by it. A batch that is worth
// a second copy counts as well.
func (s *Scheduler) Demand() drr.Demand {
	due := s.queue.Demand()
	due.Round = max(due.Round, drr.Hundredths(min(len(s.lagging), 1)))
	return due
}

// slow reports whether a node is known to be slow, by what its batches take and beside other
// nodes: batches that take longer than predicted make all of them look so.
func (s *Scheduler) slow(node bulk.NodeID) bool {
	if !s.tail.Slow(s.nodes[node]) {
		return false
	}
	return s.nodes[node] >= 2*s.slowness/drr.Slowness(len(s.nodes))
}
