package schedule

import (
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// leaseLeast is how long a lease lasts at least without being extended.
const leaseLeast = 30 * time.Second

// Next leases a batch to a node that has a free slot for want; false: nothing is due.
// It reports whether a newcomer got the slot.
func (s *Scheduler) Next(now time.Time, node bulk.NodeID, want drr.Want) (l bulk.Lease, newcomer, ok bool) {
	if j := s.straggler(node); j != nil {
		s.cfg.Observer.Copied()
		return s.grant(now, j, node, j.leases[0].cost), false, true
	}
	if s.tail.Slow(s.nodes[node]) { // newcomers are to be done soon
		want = drr.Round
	}
	g, ok := s.queue.PopFor(want)
	if !ok {
		return bulk.Lease{}, false, false
	}
	if g.Ahead && s.queue.Waiting() > 0 { // its account may have joined the round
		s.cfg.Observer.Due()
	}
	j := s.jobs[g.Ref.ID()]
	s.waited(now, j)
	s.began(now, j.ref.Import)
	if j.attempts == 0 {
		s.cfg.Observer.Leased(now.Sub(j.ref.StagedAt), s.imports[j.ref.Import].last+1)
	}
	return s.grant(now, j, node, g.Cost), g.Ahead, true
}

// grant gives a node the right to work on a batch, for whose account cost was charged.
func (s *Scheduler) grant(now time.Time, j *job, node bulk.NodeID, cost time.Duration) bulk.Lease {
	s.last++
	j.attempts++
	l := &lease{id: s.last, node: node, job: j, predicted: s.predict(j.ref), cost: cost, granted: now}
	l.expires = now.Add(l.term())
	s.enter(l)
	return s.leaseOf(l)
}

func (s *Scheduler) leaseOf(l *lease) bulk.Lease {
	j := l.job
	return bulk.Lease{Ref: j.ref, ID: l.id, Partition: j.partition, Generation: s.assigned[j.partition], Attempt: j.attempts, Waits: j.waits, Term: l.expires.Sub(l.granted)}
}

// waited ends a wait in the queue: for part of it the import was paused.
func (s *Scheduler) waited(now time.Time, j *job) {
	paused := s.imports[j.ref.Import].pausedBy(now) - j.paused
	j.waits.Paused += paused
	j.waits.Queued += now.Sub(j.since) - paused
}

func (s *Scheduler) enter(l *lease) {
	l.job.leases = append(l.job.leases, l)
	s.leases[l.id] = l
	s.granted = append(s.granted, l)
}

// Extend keeps a lease alive for another max(3 × predicted, 30 s). False says that it is
// lost: it expired and the batch was given to another, another copy was faster, or its
// partition moved to another dispatcher.
func (s *Scheduler) Extend(now time.Time, node bulk.NodeID, l bulk.Lease) bool {
	held := s.leased(node, l)
	if held == nil || held.job == nil {
		return s.adopts(node, l)
	}
	held.expires = now.Add(held.term())
	return true
}

// Return ends a lease. One that is lost is ignored: the batch is another's now.
func (s *Scheduler) Return(now time.Time, node bulk.NodeID, l bulk.Lease, outcome bulk.Outcome) {
	held := s.leased(node, l)
	if held == nil {
		return
	}
	took := max(outcome.Service, 0)
	if outcome.Result == bulk.ResultFinished {
		s.learnNode(held, took)
	}
	j := held.job
	switch {
	case !s.endLease(now, held, took, outcome.Result == bulk.ResultFinished):
	case outcome.Result == bulk.ResultFinished:
		s.learn(j, took)
		s.end(j)
	case outcome.Result == bulk.ResultPaused:
		j.failures = 0
		s.imports[j.ref.Import].pause(now)
		s.enqueue(now, j)
	default:
		j.failures++
		j.waits.Failed += now.Sub(held.granted)
		s.delay(now, j)
	}
}

// leased returns the lease if it is still the node's.
func (s *Scheduler) leased(node bulk.NodeID, l bulk.Lease) *lease {
	held := s.leases[l.ID]
	if held == nil || held.node != node || held.job != nil && held.job.ref.ID() != l.Ref.ID() {
		return nil
	}
	return held
}

// term is how long a lease lasts without being extended.
func (l *lease) term() time.Duration { return max(3*l.predicted, leaseLeast) }

// endLease ends one lease. It reports whether the batch is out of flight with it: it
// ended, or no other copy is under way. A copy that lost its batch stays known until its
// node gives it back, so that what it took is learnt as well.
func (s *Scheduler) endLease(now time.Time, l *lease, took time.Duration, ended bool) bool {
	delete(s.leases, l.id)
	j := l.job
	if j == nil {
		return false
	}
	j.leases = slices.DeleteFunc(j.leases, func(o *lease) bool { return o == l })
	if len(j.leases) > 0 && !ended {
		return false
	}
	for _, loser := range j.leases {
		loser.job = nil
	}
	j.leases = nil
	s.queue.Finish(j.ref.ID(), took)
	a := s.accounts[j.ref.Account]
	if a.used.add(now, took); a.cap != drr.NoCap {
		s.cfg.Observer.Due() // a slot under it came free
	}
	return true
}

// expire takes back leases whose node went silent, the oldest first. The account pays
// what was predicted: what really happened is not known and not its fault.
func (s *Scheduler) expire(now time.Time) {
	s.granted = slices.DeleteFunc(s.granted, func(l *lease) bool { return s.leases[l.id] != l })
	for _, l := range s.granted {
		if !now.After(l.expires) || s.leases[l.id] != l {
			continue
		}
		if j := l.job; s.endLease(now, l, l.cost, false) {
			j.waits.Failed += now.Sub(l.granted)
			s.cfg.Observer.Expired(bulk.Lease{Ref: j.ref, ID: l.id, Attempt: j.attempts}, l.node)
			s.enqueue(now, j)
		}
	}
}
