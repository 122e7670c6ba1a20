package schedule

import (
	"time"

	"bulkhead/internal/bulk"
)

// adoptedLease is one that another dispatcher granted, of a partition that came here,
// until a reference brings its batch.
type adoptedLease struct {
	bulk.Holding
	until time.Time
}

// Gains reports whether a partition is among the assigned that was not owned before.
func (s *Scheduler) Gains(assigned map[int32]int32) bool {
	for p := range assigned {
		if _, owned := s.assigned[p]; !owned {
			return true
		}
	}
	return false
}

// Assign replaces the partitions that are owned here. What nodes hold of those that came
// is adopted. What belongs to those that left is forgotten, and counted: work on it goes
// on at the nodes, but its completion belongs to the new owner.
func (s *Scheduler) Assign(now time.Time, assigned map[int32]int32, held []bulk.Holding) (dropped int) {
	before := s.assigned
	s.assigned = assigned
	for _, h := range held {
		p := s.cfg.PartitionOf(h.Lease.Ref.Account)
		_, owned := before[p]
		if _, ours := assigned[p]; ours && !owned {
			s.adopted[h.Lease.Ref.ID()] = adoptedLease{h, now.Add(leaseLeast)}
		}
	}
	gone := make(map[bulk.AccountID]bool)
	for _, j := range s.jobs {
		if _, ours := assigned[j.partition]; !ours {
			gone[j.ref.Account] = true
		}
	}
	s.queue.Evict(func(id bulk.AccountID) bool { return gone[id] })
	for _, j := range s.jobs {
		if gone[j.ref.Account] {
			s.forget(j)
			dropped++
		}
	}
	return dropped
}

// resume enters a job as in flight if a node holds its batch already.
func (s *Scheduler) resume(now time.Time, j *job) bool {
	h, ok := s.adopted[j.ref.ID()]
	if !ok {
		return false
	}
	delete(s.adopted, j.ref.ID())
	l := &lease{id: h.Lease.ID, node: h.Node, job: j, predicted: s.predict(j.ref), granted: now}
	l.cost = l.predicted
	l.expires = now.Add(l.term())
	j.attempts, j.waits = h.Lease.Attempt, h.Lease.Waits
	s.queue.Resume(j.ref)
	s.entitle(j.ref.Account)
	s.enter(l)
	return true
}

// adopts reports whether the lease is one whose batch no reference has brought yet.
func (s *Scheduler) adopts(node bulk.NodeID, l bulk.Lease) bool {
	h, ok := s.adopted[l.Ref.ID()]
	return ok && h.Node == node && h.Lease.ID == l.ID
}

// forgetAdopted forgets leases whose batches no reference brought: they have ended.
func (s *Scheduler) forgetAdopted(now time.Time) {
	for id, h := range s.adopted {
		if now.After(h.until) {
			delete(s.adopted, id)
		}
	}
}
