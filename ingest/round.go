package ingest

import (
	"maps"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// round decides who computes next: of the accounts that wait the one that has had
// least time, however many uploads it has, and within an account whoever asked first.
// Where turns take equally long, that is round-robin.
//
// It is start-time fair queueing (Goyal, Vin and Cheng, 1996) with equal weights: each
// account has a clock that runs while it computes, and the least clock is next. One that
// comes, or comes back, begins where the latest turn began, so an idle account saves
// nothing up, and none loses its place by waiting for its client between two turns.
//
// It is pure: what a turn took is told, and who waits is a W of the caller.
type round[W any] struct {
	now      time.Duration // the clock of the latest turn given
	accounts map[bulk.AccountID]*line[W]
	order    []*line[W] // those that wait, by when they began to
}

// line is one account in a round.
type line[W any] struct {
	clock   time.Duration // where its next turn begins
	waiting []W
	running int
}

// leastTurn is what a turn counts at least: to change hands costs something too.
const leastTurn = 50 * time.Microsecond

func newRound[W any]() round[W] { return round[W]{accounts: map[bulk.AccountID]*line[W]{}} }

// wait puts w behind those of its account.
func (r *round[W]) wait(account bulk.AccountID, w W) {
	l := r.accounts[account]
	if l == nil {
		l = &line[W]{}
		r.accounts[account] = l
	}
	if len(l.waiting) == 0 {
		if l.running == 0 {
			l.clock = max(l.clock, r.now)
		}
		r.order = append(r.order, l)
	}
	l.waiting = append(l.waiting, w)
}

// next gives a turn to the one that it returns; false: nobody waits. The caller says
// when the turn ends.
func (r *round[W]) next() (w W, ok bool) {
	if len(r.order) == 0 {
		return w, false
	}
	least := 0
	for i, l := range r.order {
		if l.clock < r.order[least].clock {
			least = i
		}
	}
	l := r.order[least]
	r.order = slices.Delete(r.order, least, least+1)
	w = l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	if len(l.waiting) > 0 {
		r.order = append(r.order, l)
	}
	l.running++
	r.now = max(r.now, l.clock)
	return w, true
}

// end ends a turn of the account. Accounts with nothing to pay back are forgotten, and
// all of them when nobody computes or waits: time then goes on to the latest clock.
func (r *round[W]) end(account bulk.AccountID, took time.Duration) {
	l := r.accounts[account]
	l.running--
	l.clock += max(took, leastTurn)
	latest, idle := r.now, len(r.order) == 0
	for _, l := range r.accounts {
		latest, idle = max(latest, l.clock), idle && l.running == 0
	}
	if idle {
		r.now = latest
	}
	maps.DeleteFunc(r.accounts, func(_ bulk.AccountID, l *line[W]) bool {
		return l.running == 0 && len(l.waiting) == 0 && l.clock <= r.now
	})
}
