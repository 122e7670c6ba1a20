package schedule

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// forecast is what an import was told when it had to wait for its first lease.
type forecast struct {
	since                  time.Time
	derived, median, upper time.Duration
}

// Forecast estimates the waits of the imports that begin with these batches and have to
// wait: others were waiting already, so no slot is free.
func (s *Scheduler) Forecast(now time.Time, refs []bulk.BatchRef) {
	for _, ref := range refs {
		imp := s.imports[ref.Import]
		if imp == nil || ref.No > 0 {
			continue
		}
		v, _ := s.queue.Import(ref.Import)
		derived := s.derive(v)
		if v.Place == 0 || v.Capped || derived == 0 {
			continue
		}
		median, upper := s.estimator.Estimate(derived)
		imp.wait = &forecast{now, derived, median, upper}
	}
}

// began compares an import's wait with its forecast, once it is over.
func (s *Scheduler) began(now time.Time, id bulk.ImportID) {
	imp := s.imports[id]
	w := imp.wait
	imp.wait = nil
	if w == nil {
		return
	}
	took := now.Sub(w.since)
	s.estimator.Observe(w.derived, w.median, w.upper, took)
	s.cfg.Observer.Began(took, w.median, w.upper)
}

// derive makes a wait of the queue's length: so many batches begin before, and as
// many begin in a time as have room in it. It is 0 where nothing is in flight: no slot is
// there, or all are free, and nothing can be said.
func (s *Scheduler) derive(v drr.ImportView) time.Duration {
	if s.queue.InFlight() == 0 {
		return 0
	}
	return s.meanPredicted() * time.Duration(v.Before+1) / time.Duration(s.queue.InFlight())
}

// meanPredicted is the predicted slot time of what is on lease now, a batch.
func (s *Scheduler) meanPredicted() time.Duration {
	if len(s.leases) == 0 {
		return 0
	}
	var sum time.Duration
	for _, l := range s.leases {
		sum += l.predicted
	}
	return sum / time.Duration(len(s.leases))
}

// Waits tells an account's imports why they wait.
func (s *Scheduler) Waits(account bulk.AccountID) []bulk.Wait {
	var waits []bulk.Wait
	for id, imp := range s.imports {
		if imp.account == account {
			waits = append(waits, s.wait(id, imp))
		}
	}
	return waits
}

func (s *Scheduler) wait(id bulk.ImportID, imp *importState) bulk.Wait {
	v, _ := s.queue.Import(id)
	w := bulk.Wait{Import: id, Waiting: v.Waiting + imp.delayed, InFlight: v.InFlight, Place: v.Place, Before: v.Before}
	w.Reason = s.reason(v, imp)
	switch w.Reason {
	case bulk.WaitsForNothing, bulk.WaitsForOthers, bulk.WaitsForOwn, bulk.WaitsForCap:
		w.Median, w.Upper = s.estimator.Estimate(s.derive(v))
	default: // what it waits for is not in the queue
	}
	return w
}

func (s *Scheduler) reason(v drr.ImportView, imp *importState) bulk.WaitReason {
	switch a := s.accounts[imp.account]; {
	case imp.paused, a.cap == 0:
		return bulk.WaitsForPause
	case v.Waiting == 0 && imp.delayed > 0:
		return bulk.WaitsForRetry
	case v.Capped:
		return bulk.WaitsForCap
	case v.Before == 0:
		return bulk.WaitsForNothing
	case v.Own > 0 && 2*v.Own >= v.Before:
		return bulk.WaitsForOwn
	default:
		return bulk.WaitsForOthers
	}
}
