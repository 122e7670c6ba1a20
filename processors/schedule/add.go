package schedule

import (
	"time"

	"bulkhead/internal/bulk"
)

// Knows reports whether a batch waits or is on lease here. An offset, if there is one, is
// kept until the batch ends.
func (s *Scheduler) Knows(id bulk.BatchID, offset *bulk.Offset) bool {
	j := s.jobs[id]
	if j != nil && offset != nil {
		j.offsets = append(j.offsets, *offset)
	}
	return j != nil
}

// Owns reports whether an account's partition is assigned here.
func (s *Scheduler) Owns(account bulk.AccountID) bool {
	return s.assigned[s.cfg.PartitionOf(account)]
}

// Add enters a batch that is staged, once; offset is nil for one that no reference brought.
func (s *Scheduler) Add(now time.Time, ref bulk.BatchRef, offset *bulk.Offset) {
	if s.Knows(ref.ID(), offset) {
		return
	}
	s.measure(now)
	j := &job{ref: ref, partition: s.cfg.PartitionOf(ref.Account), delay: -1, waits: bulk.Waits{Queued: ref.Waited}}
	if offset != nil {
		j.partition, j.offsets = offset.Partition, append(j.offsets, *offset)
	}
	s.jobs[ref.ID()] = j
	imp := s.imports[ref.Import]
	if imp == nil {
		imp = &importState{account: ref.Account}
		s.imports[ref.Import] = imp
		s.account(ref.Account).imports++
	}
	imp.jobs++
	imp.last = max(imp.last, ref.No)
	if !s.adopt(now, j) {
		s.enqueue(now, j)
	}
}

// enqueue lets a job wait for its turn.
func (s *Scheduler) enqueue(now time.Time, j *job) {
	j.since, j.paused = now, s.imports[j.ref.Import].pausedBy(now)
	s.queue.Push(j.ref)
	s.entitle(j.ref.Account)
	if s.imports[j.ref.Import].paused {
		s.queue.Pause(j.ref.Import)
	}
	s.interrupt(j.ref.Account)
	s.cfg.Observer.Due()
}

// end forgets a job whose batch needs no work any more.
func (s *Scheduler) end(j *job) {
	for _, m := range j.offsets {
		s.cfg.Observer.Ended(m)
	}
	s.forget(j)
}

func (s *Scheduler) forget(j *job) {
	delete(s.jobs, j.ref.ID())
	for _, l := range j.leases {
		delete(s.leases, l.ID)
		s.account(l.Ref.Account).served.flying--
	}
	j.leases = nil
	s.undelay(j)
	imp := s.imports[j.ref.Import]
	if imp.jobs--; imp.jobs == 0 {
		delete(s.imports, j.ref.Import)
		s.accounts[imp.account].imports--
	}
}
