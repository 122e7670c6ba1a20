package dispatch

import (
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// Queue returns how the dispatcher stands now.
func (d *Dispatcher) Queue() bulk.Queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	return bulk.Queue{
		Partitions: slices.Sorted(maps.Keys(d.assigned)),
		Waiting:    d.queue.Waiting(), InFlight: d.queue.InFlight(), BackingOff: len(d.backoff),
		Weight: d.queue.Weight(), Accounts: d.queue.Accounts(),
	}
}

// Weight is that of the accounts that have work due; nodes choose among dispatchers
// in proportion to it.
func (d *Dispatcher) Weight() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queue.Weight()
}

// Waits tells an account's imports why they wait.
func (d *Dispatcher) Waits(account bulk.AccountID) []bulk.Wait {
	d.mu.Lock()
	defer d.mu.Unlock()
	var waits []bulk.Wait
	each := d.meanService()
	for _, v := range d.queue.Imports(account) {
		w := bulk.Wait{Import: v.Import, Waiting: v.Waiting, InFlight: v.InFlight, Place: v.Place, Before: v.Before}
		if v.Place > 0 {
			w.Median = each * time.Duration(v.Before) / time.Duration(max(1, d.queue.InFlight()))
		}
		waits = append(waits, w)
	}
	return waits
}

// meanService is the predicted slot time of what is on lease now, a batch.
func (d *Dispatcher) meanService() time.Duration {
	if len(d.leases) == 0 {
		return 0
	}
	var sum time.Duration
	for _, j := range d.leases {
		sum += d.predict(j.ref)
	}
	return sum / time.Duration(len(d.leases))
}
