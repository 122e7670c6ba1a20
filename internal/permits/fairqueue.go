package permits

import (
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// fairQueue decides who computes next: of the accounts that wait the one that has had
// least time, however many ask for it, and within an account whoever asked first.
// Where all take equally long, that is round-robin.
//
// It is start-time fair queueing (Goyal, Vin and Cheng, 1996) with equal weights: each
// account has a clock that runs while it computes, and the least clock is next. One that
// comes, or comes back, begins where the latest one let in began, so an idle account
// saves nothing up, and none loses its place by waiting for its client in between.
//
// It is pure: what somebody took is told, and who waits is a W of the caller.
type fairQueue[W comparable] struct {
	now        time.Duration // virtual time: the clock of the latest that was let in
	flows      map[bulk.AccountID]*flow[W]
	backlogged []*flow[W] // those that wait, by when they began to
}

// flow is one account in a fair queue.
type flow[W comparable] struct {
	clock   time.Duration // where its next one begins
	waiting []W
	running int
}

// leastCost is what being let in counts at least: to change hands costs something too.
const leastCost = 50 * time.Microsecond

func newFairQueue[W comparable]() fairQueue[W] {
	return fairQueue[W]{flows: map[bulk.AccountID]*flow[W]{}}
}

// enqueue puts w behind those of its account.
func (q *fairQueue[W]) enqueue(account bulk.AccountID, w W) {
	f := q.flows[account]
	if f == nil {
		f = &flow[W]{}
		q.flows[account] = f
	}
	if len(f.waiting) == 0 {
		if f.running == 0 {
			f.clock = max(f.clock, q.now)
		}
		q.backlogged = append(q.backlogged, f)
	}
	f.waiting = append(f.waiting, w)
}

// dequeue lets the one in that it returns; false: nobody waits. The caller says when it
// has finished.
func (q *fairQueue[W]) dequeue() (w W, ok bool) {
	if len(q.backlogged) == 0 {
		return w, false
	}
	least := 0
	for i, f := range q.backlogged {
		if f.clock < q.backlogged[least].clock {
			least = i
		}
	}
	f := q.backlogged[least]
	q.backlogged = slices.Delete(q.backlogged, least, least+1)
	w = f.waiting[0]
	f.waiting = slices.Delete(f.waiting, 0, 1)
	if len(f.waiting) > 0 {
		q.backlogged = append(q.backlogged, f)
	}
	f.running++
	q.now = max(q.now, f.clock)
	return w, true
}

// remove takes w out of those of its account that wait; false: it does not wait.
func (q *fairQueue[W]) remove(account bulk.AccountID, w W) bool {
	f := q.flows[account]
	if f == nil {
		return false
	}
	i := slices.Index(f.waiting, w)
	if i < 0 {
		return false
	}
	f.waiting = slices.Delete(f.waiting, i, i+1)
	if len(f.waiting) == 0 {
		at := slices.Index(q.backlogged, f)
		q.backlogged = slices.Delete(q.backlogged, at, at+1)
		q.forget()
	}
	return true
}

// finish says what one of the account took that was let in.
func (q *fairQueue[W]) finish(account bulk.AccountID, took time.Duration) {
	f := q.flows[account]
	f.running--
	f.clock += max(took, leastCost)
	q.forget()
}

// forget drops the accounts with nothing to pay back, and all of them when nobody
// computes or waits: time then goes on to the latest clock.
func (q *fairQueue[W]) forget() {
	latest, idle := q.now, len(q.backlogged) == 0
	for _, f := range q.flows {
		latest, idle = max(latest, f.clock), idle && f.running == 0
	}
	if idle {
		q.now = latest
	}
	maps.DeleteFunc(q.flows, func(_ bulk.AccountID, f *flow[W]) bool {
		return f.running == 0 && len(f.waiting) == 0 && f.clock <= q.now
	})
}
