package schedule

import (
	"maps"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// View returns how the dispatcher stands.
func (s *Scheduler) View(now time.Time) bulk.Queue {
	return bulk.Queue{
		Partitions: slices.Sorted(maps.Keys(s.assigned)),
		Waiting:    s.queue.Waiting(), InFlight: s.queue.InFlight(), BackingOff: len(s.delayed),
		Copies: s.copies(), Weight: s.queue.Weight(), Accounts: s.shares(now), Calibration: s.estimator.Calibration(),
		Windows: slices.Clone(s.meter.closed), Measured: s.meter.since,
	}
}

// Jobs is the number of batches that are known and have not ended.
func (s *Scheduler) Jobs() int { return len(s.jobs) }

// Waiting is the number of batches that wait, those of paused imports included, and the
// age of the oldest that may run, 0 for none.
func (s *Scheduler) Waiting(now time.Time) (batches int, oldest time.Duration) {
	if staged, waits := s.queue.Oldest(); waits {
		oldest = max(now.Sub(staged), 0)
	}
	return s.queue.Waiting(), oldest
}

// shares lists the accounts that have batches here, or used a slot within the last minute.
func (s *Scheduler) shares(now time.Time) []bulk.AccountQueue {
	flying := make(map[bulk.AccountID]time.Duration) // what is in flight is used as well
	for _, l := range s.leases {
		if l.job != nil && l == l.job.leases[0] {
			flying[l.job.ref.Account] += min(now.Sub(l.granted), usageSlices*usageSlice)
		}
	}
	queued := make(map[bulk.AccountID]bulk.AccountQueue)
	for _, v := range s.queue.Accounts() {
		queued[v.Account] = v
	}
	views := make([]bulk.AccountQueue, 0, len(s.accounts))
	for id, a := range s.accounts {
		v := queued[id]
		v.Account, v.Weight = id, a.weight
		if a.cap != drr.NoCap {
			v.Cap = new(a.cap)
		}
		used := a.used.sum(now) + flying[id]
		if a.imports == 0 && used == 0 {
			continue
		}
		v.SlotMS = used.Seconds() * 1000
		views = append(views, v)
	}
	slices.SortFunc(views, func(x, y bulk.AccountQueue) int { return strings.Compare(string(x.Account), string(y.Account)) })
	return views
}

// copies counts the batches that have a second lease.
func (s *Scheduler) copies() (n int) {
	for _, l := range s.leases {
		if l.job != nil && l != l.job.leases[0] {
			n++
		}
	}
	return n
}
