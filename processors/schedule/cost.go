package schedule

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// predict estimates a batch's slot time by its import's average, or by that of
// all imports for one that has none yet.
func (s *Scheduler) predict(ref bulk.BatchRef) time.Duration {
	if s.cfg.Cost != nil {
		return s.cfg.Cost(ref)
	}
	cost := s.cost
	if imp := s.imports[ref.Import]; imp != nil && imp.cost > 0 {
		cost = imp.cost
	}
	return cost.Predict(ref.Rows)
}

// learn takes in what a finished batch took.
func (s *Scheduler) learn(j *job, took time.Duration) {
	if took <= 0 {
		return
	}
	imp := s.imports[j.ref.Import]
	if imp.cost == 0 {
		imp.cost = s.cost
	}
	imp.cost = imp.cost.Add(took, j.ref.Rows)
	s.cost = s.cost.Add(took, j.ref.Rows)
}

// mostNodes bounds what is remembered of nodes, most of which may be long gone.
const mostNodes = 4096

// learnNode takes in what a batch took on a node, whether it was the first to end it or not.
func (s *Scheduler) learnNode(l *lease, took time.Duration) {
	s.tail.Add(took, l.predicted)
	if len(s.nodes) >= mostNodes {
		clear(s.nodes)
	}
	s.nodes[l.Node] = s.nodes[l.Node].Add(took, l.predicted)
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
	if len(s.lagging) == 0 || s.tail.Slow(s.nodes[node]) {
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
	due.Round = max(due.Round, 100*min(len(s.lagging), 1))
	return due
}
