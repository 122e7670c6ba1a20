package drr

import (
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// ImportView is how one import stands and why it waits.
type ImportView struct {
	Waiting  int
	InFlight int
	Capped   bool // its account has as many batches in flight as it may
	Place    int  // among the account's imports, from 1; 0: nothing waits, or paused
	Own      int  // estimate: batches of its own account that run before its next one
	Before   int  // estimate: batches of all accounts that do
}

// Accounts lists every account with batches, by id. What it used is its caller's to fill in.
func (q *Queue) Accounts() []bulk.AccountQueue {
	views := make([]bulk.AccountQueue, 0, len(q.accounts))
	for _, a := range q.accounts {
		if !a.idle() {
			views = append(views, q.view(a))
		}
	}
	slices.SortFunc(views, func(x, y bulk.AccountQueue) int { return strings.Compare(string(x.Account), string(y.Account)) })
	return views
}

// Import tells how an import stands; false when it has no batch here.
func (q *Queue) Import(id bulk.ImportID) (ImportView, bool) {
	l := q.lines[id]
	if l == nil {
		return ImportView{}, false
	}
	a := l.account
	v := ImportView{Waiting: l.waiting, InFlight: l.inFlight, Capped: a.capped()}
	if l.waiting > 0 && !l.paused {
		v.Place, v.Own = a.place(l)
		v.Before = v.Own + q.others(a, v.Own)
	}
	return v, true
}

// Due reports whether an account has a batch that may run now, and the slot time ÷ weight
// that it may still run ahead of the round, an allowance at most: who is behind by more was
// not given what it is entitled to.
func (q *Queue) Due(id bulk.AccountID) (may bool, ahead time.Duration) {
	a := q.accounts[id]
	if a == nil {
		return false, 0
	}
	if a.newcomer() {
		ahead = time.Duration(float64(min(a.until-a.attained, q.allowance())) * float64(time.Second))
	}
	return a.may(), ahead
}

// Oldest returns when the batch was staged that waits longest of those that may run.
func (q *Queue) Oldest() (staged time.Time, waits bool) {
	for _, l := range q.lines {
		if l.waiting > 0 && !l.paused && !l.account.capped() && (!waits || l.head.ref.StagedAt.Before(staged)) {
			staged, waits = l.head.ref.StagedAt, true
		}
	}
	return staged, waits
}

func (q *Queue) view(a *account) bulk.AccountQueue {
	deficit := float64(q.round-a.attained) * float64(a.weight)
	v := bulk.AccountQueue{Account: a.id, Weight: a.weight, DeficitMS: 1000 * deficit, Newcomer: a.newcomer(), InFlight: a.inFlight}
	for _, l := range a.lines {
		v.Waiting += l.waiting
		if l.paused {
			v.Paused += l.waiting
		}
		if l.head != nil && (v.Oldest == nil || l.head.ref.StagedAt.Before(*v.Oldest)) {
			staged := l.head.ref.StagedAt
			v.Oldest = &staged
		}
	}
	return v
}

// place returns an import's rank in its account and how many of the account's
// own batches run before its next one: all of its class with less work, and of
// the other classes what their credits let through meanwhile.
func (a *account) place(l *line) (rank, batches int) {
	rank = 1
	ready := [classes]int{}
	for _, o := range a.lines {
		switch {
		case o.paused || o.waiting == 0 || o == l:
		case o.class != l.class:
			ready[o.class] += o.waiting
			if o.class < l.class {
				rank++
			}
		case before(o, l, byWork):
			rank++
			batches += o.waiting
		}
	}
	same := batches + 1
	for c, n := range ready {
		batches += min(n, same*credits[c]/credits[l.class])
	}
	return rank, batches
}

// others estimates how many batches of other accounts run while an account gets
// through own of its batches: theirs in proportion to the weights, at least one
// each that is ready, never more than they have. A newcomer meets one for as many
// newcomers as the gate admits first.
func (q *Queue) others(a *account, own int) int {
	n := 0
	for _, o := range q.accounts {
		if o != a && o.may() {
			n += min(o.waiting, max(1, own*o.weight/a.weight))
		}
	}
	if a.newcomer() {
		n = min(n, own/q.sum.favour()+1)
	}
	return n
}
