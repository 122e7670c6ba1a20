package schedule

import (
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// Gains reports whether a partition is among the assigned that was not owned before.
func (s *Scheduler) Gains(assigned []int32) bool {
	return slices.ContainsFunc(assigned, func(p int32) bool { return !s.assigned[p] })
}

// Assign replaces the partitions that are owned here. What nodes hold of those that came
// is adopted. What belongs to those that left is forgotten, and counted: work on it goes
// on at the nodes, but its completion belongs to the new owner.
func (s *Scheduler) Assign(now time.Time, assigned []int32, held []bulk.Lease) (dropped int) {
	s.measure(now)
	if s.Gains(assigned) {
		s.meter.since = now // what the owner before measured is not known here
	}
	before := s.assigned
	s.assigned = make(map[int32]bool, len(assigned))
	for _, p := range assigned {
		s.assigned[p] = true
	}
	for _, l := range held {
		if p := s.cfg.PartitionOf(l.Ref.Account); s.assigned[p] && !before[p] {
			s.adopted[l.Ref.ID()] = &lease{Lease: l, expires: now.Add(leaseLeast)}
		}
	}
	gone := make(map[bulk.AccountID]bool)
	for _, j := range s.jobs {
		if !s.assigned[j.partition] {
			gone[j.ref.Account] = true
		}
	}
	s.queue.Evict(func(id bulk.AccountID) bool { return gone[id] })
	for id := range gone {
		s.interrupt(id)
	}
	for _, j := range s.jobs {
		if gone[j.ref.Account] {
			s.forget(j)
			dropped++
		}
	}
	return dropped
}

// adopt enters a job as in flight if a node holds its batch already.
func (s *Scheduler) adopt(now time.Time, j *job) bool {
	l := s.adopted[j.ref.ID()]
	if l == nil {
		return false
	}
	delete(s.adopted, j.ref.ID())
	l.job = j // its account is charged here, as it runs
	j.attempts, j.waits = l.Attempt, l.Waits
	s.queue.Adopt(j.ref)
	s.entitle(j.ref.Account)
	s.enter(now, l)
	return true
}

// adopts reports whether the lease is one whose batch no reference has brought yet.
func (s *Scheduler) adopts(l bulk.Lease) bool {
	own := s.adopted[l.Ref.ID()]
	return own != nil && own.is(l)
}

// expireAdopted forgets adopted leases whose batches no reference brought: they have ended.
func (s *Scheduler) expireAdopted(now time.Time) {
	for id, l := range s.adopted {
		if now.After(l.expires) {
			delete(s.adopted, id)
		}
	}
}
