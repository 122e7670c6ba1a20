package schedule

import (
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// Subjects are the accounts and imports that have batches here.
type Subjects struct {
	Accounts map[bulk.AccountID]bool
	Imports  map[bulk.ImportID]bool
}

// SubjectsOf are those of some batches.
func SubjectsOf(refs []bulk.BatchRef) Subjects {
	s := Subjects{make(map[bulk.AccountID]bool), make(map[bulk.ImportID]bool)}
	for _, ref := range refs {
		s.Accounts[ref.Account], s.Imports[ref.Import] = true, true
	}
	return s
}

// Subjects returns every account and import with batches here.
func (s *Scheduler) Subjects() Subjects {
	all := SubjectsOf(nil)
	for id, imp := range s.imports {
		all.Accounts[imp.account], all.Imports[id] = true, true
	}
	return all
}

// Among returns those of the accounts and imports that have batches here.
func (s *Scheduler) Among(accounts []bulk.AccountID, imports []bulk.ImportID) Subjects {
	some := SubjectsOf(nil)
	for _, id := range accounts {
		if s.accounts[id] != nil {
			some.Accounts[id] = true
		}
	}
	for _, id := range imports {
		if s.imports[id] != nil {
			some.Imports[id] = true
		}
	}
	return some
}

// Steer acts on what people changed: the controls as they are, of those that were asked
// about.
func (s *Scheduler) Steer(now time.Time, c bulk.Controls, of Subjects) {
	s.measure(now)
	for id, weight := range c.Weights {
		if a := s.accounts[id]; a != nil {
			if a.weight != weight {
				a.served.since = time.Time{} // windows are measured at one weight
			}
			a.weight, a.cap = weight, drr.NoCap
			if n, bounded := c.Caps[id]; bounded {
				a.cap = n
			}
			s.entitle(id)
			s.interrupt(id)
		}
	}
	for id := range of.Imports {
		imp := s.imports[id]
		switch paused := c.Paused[id]; {
		case imp == nil:
		case c.Ended[id]:
			s.drop(id)
		case paused && !imp.paused:
			imp.pause(now)
			imp.wait = nil // nobody foresees for how long
			s.queue.Pause(id)
		case !paused && imp.paused:
			imp.paused, imp.before = false, imp.pausedBy(now)
			s.queue.Unpause(id)
			s.cfg.Observer.Due()
		}
		if imp != nil {
			s.interrupt(imp.account)
		}
	}
}

// pause notes that the import is paused.
func (i *importState) pause(now time.Time) {
	if !i.paused {
		i.paused, i.since = true, now
	}
}

// pausedBy is for how long the import was paused by the time.
func (i *importState) pausedBy(now time.Time) time.Duration {
	if i.paused {
		return i.before + now.Sub(i.since)
	}
	return i.before
}

// drop ends the waiting jobs of an import that ended. Those on lease end with
// their lease.
func (s *Scheduler) drop(id bulk.ImportID) {
	for _, batch := range s.queue.Drop(id) {
		s.end(s.jobs[batch])
	}
	for _, j := range slices.Clone(s.delayed) {
		if j.ref.Import == id {
			s.end(j)
		}
	}
}
