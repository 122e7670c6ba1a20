package schedule

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// accountState is what is remembered of an account: it outlives the account's batches by as long
// as they may be felt, see [paying].
type accountState struct {
	imports int // with batches here
	weight  int
	cap     int // most batches in flight, or drr.NoCap
	used    usage
	served  served
	mean    time.Duration // slot time of its batches, moving average; 0: not known
	late    time.Duration // the longest that one of them runs now beyond what was predicted
}

// account finds or enters an account.
func (s *Scheduler) account(id bulk.AccountID) *accountState {
	a := s.accounts[id]
	if a == nil {
		a = &accountState{weight: 1, cap: drr.NoCap}
		s.accounts[id] = a
	}
	return a
}

// entitle tells the queue, which forgets an account with its last batch, what the account
// is entitled to. No lease is granted in between.
func (s *Scheduler) entitle(id bulk.AccountID) {
	a := s.accounts[id]
	s.queue.SetWeight(id, a.weight)
	s.meter.weigh(a.weight)
	s.queue.SetCap(id, a.cap)
	s.cfg.Observer.Due() // a cap may have been lifted
}

// retire forgets the accounts that have no batch, and of which none is felt any more.
func (s *Scheduler) retire(now time.Time) {
	if now.Sub(s.retired) < usageSlice {
		return
	}
	s.retired = now
	for id, a := range s.accounts {
		if a.imports+a.served.flying == 0 && a.used.sum(now) == 0 && a.served.recent == [2]most{} {
			delete(s.accounts, id)
		}
	}
}

// Of slot time, what was used in the last minute is shown.
const (
	usageSlices = 12
	usageSlice  = 5 * time.Second
)

// usage adds slot time up over the last minute, in slices of five seconds.
type usage struct {
	slices [usageSlices]time.Duration
	newest int64 // number of the newest slice since the epoch
}

func (u *usage) add(now time.Time, took time.Duration) {
	u.turn(now)
	u.slices[u.newest%usageSlices] += took
}

func (u *usage) sum(now time.Time) (total time.Duration) {
	u.turn(now)
	for _, s := range u.slices {
		total += s
	}
	return total
}

// turn empties the slices that are a minute old.
func (u *usage) turn(now time.Time) {
	n := now.UnixNano() / int64(usageSlice)
	for i := max(u.newest+1, n-usageSlices+1); i <= n; i++ {
		u.slices[i%usageSlices] = 0
	}
	u.newest = max(u.newest, n)
}
