package schedule

import (
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// leaseLeast is how long a lease lasts at least without being extended.
const leaseLeast = 30 * time.Second

// Answer is what came of a node's request, in a process or between two.
type Answer struct {
	Lease    *bulk.Lease   `json:"lease,omitempty"`    // nil: nothing was due
	Newcomer bool          `json:"newcomer,omitempty"` // who got the slot ran ahead of the round
	Cost     time.Duration `json:"cost,omitempty"`     // slot time that was charged for it
	Due      drr.Demand    `json:"due"`                // after it
}

// Next leases a batch to a node that has a free slot; false: nothing is due. What is due
// after it is for the caller to fill in.
func (s *Scheduler) Next(now time.Time, node bulk.NodeID, ask drr.Ask) (a Answer, ok bool) {
	s.measure(now)
	if j := s.straggler(node); j != nil {
		s.cfg.Observer.Copied()
		l := s.grant(now, j, node)
		s.charge(l, s.predict(j.ref))
		return Answer{Lease: &l.Lease, Cost: l.cost}, true
	}
	if s.slow(node) && s.queue.Demand().Round > 0 { // newcomers are to be done soon
		ask.Lane = drr.Round
	}
	g, ok := s.queue.PopFor(ask)
	if !ok {
		return a, false
	}
	if g.Ahead && s.queue.Waiting() > 0 { // its account may have joined the round
		s.cfg.Observer.Due()
	}
	j := s.jobs[g.Ref.ID()]
	s.interrupt(j.ref.Account)
	s.waited(now, j)
	s.began(now, j.ref.Import)
	if j.attempts == 0 {
		s.cfg.Observer.Leased(now.Sub(j.ref.StagedAt), s.imports[j.ref.Import].last+1)
	}
	l := s.grant(now, j, node)
	l.cost = g.Cost
	return Answer{Lease: &l.Lease, Newcomer: g.Ahead, Cost: g.Cost}, true
}

// Heard takes in what a node knows of all dispatchers: how far they have come on average, and
// whether it has a free slot and nothing is due anywhere.
func (s *Scheduler) Heard(mean drr.Virtual, idle bool) { s.queue.Heard(mean, idle) }

// grant gives a node the right to work on a batch.
func (s *Scheduler) grant(now time.Time, j *job, node bulk.NodeID) *lease {
	s.last++
	j.attempts++
	l := &lease{Lease: bulk.Lease{Ref: j.ref, ID: s.last, Node: node, Attempt: j.attempts, Waits: j.waits}, job: j}
	s.enter(now, l)
	return l
}

// waited ends a wait in the queue: for part of it the import was paused.
func (s *Scheduler) waited(now time.Time, j *job) {
	paused := s.imports[j.ref.Import].pausedBy(now) - j.paused
	j.waits.Paused += paused
	j.waits.Queued += now.Sub(j.since) - paused
}

// enter lets a lease's time begin.
func (s *Scheduler) enter(now time.Time, l *lease) {
	l.predicted = s.expect(l.Ref)
	l.Term = max(3*l.predicted, leaseLeast)
	l.granted, l.expires = now, now.Add(l.Term)
	l.job.leases = append(l.job.leases, l)
	s.leases[l.ID] = l
	s.granted = append(s.granted, l)
	s.account(l.Ref.Account).served.begin()
}

// Extend keeps a lease alive for another max(3 × predicted, 30 s). False says that it is
// lost: it expired and the batch was given to another, another copy was faster, or its
// partition moved to another dispatcher.
func (s *Scheduler) Extend(now time.Time, l bulk.Lease) (held bool) {
	own := s.leased(l)
	if own == nil || own.job == nil {
		return s.adopts(l)
	}
	own.expires = now.Add(own.Term)
	return true
}

// Return ends a lease. One that is not known is ignored, and false returned: the batch is
// another's now.
func (s *Scheduler) Return(now time.Time, l bulk.Lease, outcome bulk.Outcome) (held bool) {
	s.measure(now)
	own := s.leased(l)
	if own == nil {
		if held = s.adopts(l); held {
			delete(s.adopted, l.Ref.ID()) // whether its batch needs more work the ledger knows
		}
		return held
	}
	took := max(outcome.Service, 0)
	if outcome.Result == bulk.ResultFinished {
		s.learnNode(own, took)
	}
	j := own.job
	switch {
	case !s.endLease(now, own, took, outcome.Result == bulk.ResultFinished):
	case outcome.Result == bulk.ResultFinished:
		s.learn(j, took)
		s.end(j)
	case outcome.Result == bulk.ResultPaused:
		j.failures = 0
		s.imports[j.ref.Import].pause(now)
		s.enqueue(now, j)
	default:
		j.failures++
		j.waits.Failed += now.Sub(own.granted)
		s.delay(now, j)
	}
	return true
}

// leased returns what is known here of the lease; nil: nothing.
func (s *Scheduler) leased(l bulk.Lease) *lease {
	if own := s.leases[l.ID]; own != nil && own.is(l) {
		return own
	}
	return nil
}

// is reports whether both are one lease; numbers alone are unique at one dispatcher only.
func (l *lease) is(o bulk.Lease) bool {
	return l.ID == o.ID && l.Node == o.Node && l.Ref.ID() == o.Ref.ID()
}

// endLease ends one lease and charges its account for the slot time that it took, whatever
// became of it. It reports whether the batch is out of flight with it: it ended, or no other
// copy is under way. A copy that lost its batch stays known until its node gives it back, so
// that what it took is charged, and learnt, as well.
func (s *Scheduler) endLease(now time.Time, l *lease, took time.Duration, ended bool) bool {
	delete(s.leases, l.ID)
	a := s.account(l.Ref.Account)
	a.served.end(took+Turnaround, max(now.Sub(l.granted), l.cost))
	s.charge(l, took+Turnaround)
	a.used.add(now, took)
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
	s.queue.Finish(j.ref.ID())
	if a.cap != drr.NoCap {
		s.cfg.Observer.Due() // a slot under it came free
	}
	return true
}

// expire takes back leases whose node went silent, the oldest first. The account pays
// what was predicted: what really happened is not known and not its fault.
func (s *Scheduler) expire(now time.Time) {
	s.granted = slices.DeleteFunc(s.granted, func(l *lease) bool { return s.leases[l.ID] != l })
	for _, l := range s.granted {
		if !now.After(l.expires) || s.leases[l.ID] != l {
			continue
		}
		if j := l.job; s.endLease(now, l, l.predicted, false) {
			j.waits.Failed += now.Sub(l.granted)
			s.cfg.Observer.Expired(l.Lease)
			s.enqueue(now, j)
		}
	}
}
