package dispatch

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// expectation is what an import was told when it had to wait for its first lease.
type expectation struct {
	since                   time.Time
	reckoned, median, upper time.Duration
}

// expect estimates the waits of the imports that are new here and have to wait: others
// were waiting already, so no slot is free.
func (d *Dispatcher) expect(refs []bulk.BatchRef) {
	now := time.Now()
	for _, ref := range refs {
		imp := d.imports[ref.Import]
		if imp == nil || ref.No > 0 {
			continue
		}
		v, _ := d.queue.Import(ref.Import)
		reckoned := d.reckon(v)
		if v.Place == 0 || v.Capped || reckoned == 0 {
			continue
		}
		median, upper := d.estimator.Estimate(reckoned)
		imp.wait = &expectation{now, reckoned, median, upper}
	}
}

// began compares an import's wait with what was expected, once it is over.
func (d *Dispatcher) began(id bulk.ImportID) {
	imp := d.imports[id]
	w := imp.wait
	imp.wait = nil
	if w == nil {
		return
	}
	took := time.Since(w.since)
	d.estimator.Observe(w.reckoned, w.median, w.upper, took)
	d.cfg.Metrics.estimated(took, w.median, w.upper)
}

// reckon derives a wait from the queue's length: so many batches begin before, and as
// many begin in a time as have room in it. It is 0 where nothing is in flight: no slot is
// there, or all are free, and nothing can be said.
func (d *Dispatcher) reckon(v drr.ImportView) time.Duration {
	if d.queue.InFlight() == 0 {
		return 0
	}
	return d.meanService() * time.Duration(v.Before+1) / time.Duration(d.queue.InFlight())
}

// Waits tells an account's imports why they wait.
func (d *Dispatcher) Waits(account bulk.AccountID) []bulk.Wait {
	d.mu.Lock()
	defer d.mu.Unlock()
	var waits []bulk.Wait
	for id, imp := range d.imports {
		if imp.account == account {
			waits = append(waits, d.wait(id, imp))
		}
	}
	return waits
}

func (d *Dispatcher) wait(id bulk.ImportID, imp *standing) bulk.Wait {
	v, _ := d.queue.Import(id)
	w := bulk.Wait{Import: id, Waiting: v.Waiting + imp.delayed, InFlight: v.InFlight, Place: v.Place, Before: v.Before}
	w.Reason = d.reason(v, imp)
	switch w.Reason {
	case bulk.WaitsForNothing, bulk.WaitsForOthers, bulk.WaitsForOwn, bulk.WaitsForCap:
		w.Median, w.Upper = d.estimator.Estimate(d.reckon(v))
	default: // what it waits for is not in the queue
	}
	return w
}

func (d *Dispatcher) reason(v drr.ImportView, imp *standing) bulk.WaitReason {
	switch t := d.accounts[imp.account]; {
	case imp.held, t.cap == 0:
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

// meanService is the predicted slot time of what is on lease now, a batch.
func (d *Dispatcher) meanService() time.Duration {
	if len(d.leases) == 0 {
		return 0
	}
	var sum time.Duration
	for _, l := range d.leases {
		sum += l.predicted
	}
	return sum / time.Duration(len(d.leases))
}
