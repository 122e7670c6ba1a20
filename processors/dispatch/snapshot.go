package dispatch

import (
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// Snapshot is how a dispatcher stands.
type Snapshot struct {
	Partitions []int32           `json:"partitions"` // owned
	Waiting    int               `json:"waiting"`    // batches
	InFlight   int               `json:"in_flight"`
	BackingOff int               `json:"backing_off"` // batches that failed and come again
	Weight     int               `json:"weight"`      // of the accounts that have work due: what it advertises to nodes
	Accounts   []drr.AccountView `json:"accounts"`
}

// Wait tells an import why it waits.
type Wait struct {
	drr.ImportView
	Starts time.Duration `json:"starts_ns"` // estimate: until its next batch begins, at the present speed
}

// Snapshot returns how the dispatcher stands now.
func (d *Dispatcher) Snapshot() Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Snapshot{
		Partitions: slices.Sorted(maps.Keys(d.assigned)),
		Waiting:    d.queue.Waiting(), InFlight: d.queue.InFlight(), BackingOff: len(d.backoff),
		Weight: d.queue.Weight(), Accounts: d.queue.Accounts(),
	}
	return s
}

// Weight is that of the accounts that have work due; nodes choose among dispatchers
// in proportion to it.
func (d *Dispatcher) Weight() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.queue.Weight()
}

// Waits tells an account's imports why they wait.
func (d *Dispatcher) Waits(account bulk.AccountID) []Wait {
	d.mu.Lock()
	defer d.mu.Unlock()
	var waits []Wait
	each := d.meanService()
	for _, v := range d.queue.Imports(account) {
		w := Wait{ImportView: v}
		if v.Place > 0 {
			w.Starts = each * time.Duration(v.Before) / time.Duration(max(1, d.queue.InFlight()))
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
