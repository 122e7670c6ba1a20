package dispatch

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// tenant is what a dispatcher remembers of an account: it outlives the account's
// batches by the minute for which its use of slots is shown.
type tenant struct {
	imports int // with batches here
	weight  int
	cap     int // most batches in flight, or drr.NoCap
	used    usage
}

// tenant finds or enters an account.
func (d *Dispatcher) tenant(id bulk.AccountID) *tenant {
	t := d.accounts[id]
	if t == nil {
		t = &tenant{weight: 1, cap: drr.NoCap}
		d.accounts[id] = t
	}
	return t
}

// steer tells the queue, which forgets an account with its last batch, what the account
// is entitled to. No lease is granted in between.
func (d *Dispatcher) steer(id bulk.AccountID) {
	t := d.accounts[id]
	d.queue.SetWeight(id, t.weight)
	d.queue.SetCap(id, t.cap)
	d.signal() // a cap may have been lifted
}

func capOf(caps map[bulk.AccountID]int, id bulk.AccountID) int {
	if n, bounded := caps[id]; bounded {
		return n
	}
	return drr.NoCap
}

// retire forgets the accounts that have no batch and used no slot lately.
func (d *Dispatcher) retire(now time.Time) {
	for id, t := range d.accounts {
		if t.imports == 0 && t.used.sum(now) == 0 {
			delete(d.accounts, id)
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
