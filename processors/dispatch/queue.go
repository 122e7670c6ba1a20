package dispatch

import (
	"maps"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// Queue returns how the dispatcher stands now.
func (d *Dispatcher) Queue() bulk.Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bulk.Queue{
		Partitions: slices.Sorted(maps.Keys(d.assigned)),
		Waiting:    d.queue.Waiting(), InFlight: d.queue.InFlight(), BackingOff: len(d.backoff),
		Copies: d.copies(), Weight: d.queue.Weight(), Accounts: d.shares(time.Now()), Calibration: d.estimator.Calibration(),
	}
}

// shares lists the accounts that have batches here, or used a slot within the last minute.
func (d *Dispatcher) shares(now time.Time) []bulk.AccountQueue {
	flying := make(map[bulk.AccountID]time.Duration) // what is in flight is used as well
	for _, l := range d.leases {
		if l.job != nil && l == l.job.leases[0] {
			flying[l.job.ref.Account] += min(now.Sub(l.granted), usageSlices*usageSlice)
		}
	}
	queued := make(map[bulk.AccountID]bulk.AccountQueue)
	for _, v := range d.queue.Accounts() {
		queued[v.Account] = v
	}
	views := make([]bulk.AccountQueue, 0, len(d.accounts))
	for id, t := range d.accounts {
		v := queued[id]
		v.Account, v.Weight = id, t.weight
		if t.cap != drr.NoCap {
			v.Cap = new(t.cap)
		}
		v.SlotMS = (t.used.sum(now) + flying[id]).Seconds() * 1000
		views = append(views, v)
	}
	slices.SortFunc(views, func(x, y bulk.AccountQueue) int { return strings.Compare(string(x.Account), string(y.Account)) })
	return views
}

// copies counts the batches that have a second lease.
func (d *Dispatcher) copies() (n int) {
	for _, l := range d.leases {
		if l.job != nil && l != l.job.leases[0] {
			n++
		}
	}
	return n
}

// Demand is what is due here; nodes choose among dispatchers by it. A batch that is worth
// a second copy counts as well.
func (d *Dispatcher) Demand() drr.Demand {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := d.queue.Demand()
	due.Round = max(due.Round, 100*min(len(d.slow), 1))
	return due
}

// measure keeps the gauges of the queue up to date.
func (d *Dispatcher) measure(now time.Time) {
	var age time.Duration
	if oldest, waits := d.queue.Oldest(); waits {
		age = max(now.Sub(oldest), 0)
	}
	d.cfg.Metrics.Oldest.Set(age.Seconds())
	d.cfg.Metrics.Waiting.Set(float64(d.queue.Waiting()))
}
