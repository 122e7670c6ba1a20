package drr

import (
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// ImportView is how one import stands and why it waits.
type ImportView struct {
	Import   bulk.ImportID  `json:"import_id"`
	Account  bulk.AccountID `json:"account_id"`
	Waiting  int            `json:"waiting"`
	InFlight int            `json:"in_flight"`
	Held     bool           `json:"held"`
	Place    int            `json:"place"`  // among the account's imports, from 1; 0: nothing waits, or held
	Before   int            `json:"before"` // estimate: batches of all accounts that run before its next one
}

// Accounts lists every account with batches, by id. What it used is its caller's to fill in.
func (q *Queue) Accounts() []bulk.AccountQueue {
	views := make([]bulk.AccountQueue, 0, len(q.accounts))
	for _, a := range q.accounts {
		if !a.idle() {
			views = append(views, a.view())
		}
	}
	slices.SortFunc(views, func(x, y bulk.AccountQueue) int { return strings.Compare(string(x.Account), string(y.Account)) })
	return views
}

// Imports lists an account's imports that have batches, by id.
func (q *Queue) Imports(id bulk.AccountID) []ImportView {
	a := q.accounts[id]
	if a == nil {
		return nil
	}
	views := make([]ImportView, 0, len(a.lines))
	for _, l := range a.lines {
		v := ImportView{Import: l.id, Account: id, Waiting: l.waiting, InFlight: l.inFlight, Held: l.held}
		if l.waiting > 0 && !l.held {
			var own int
			v.Place, own = a.place(l)
			v.Before = own + q.others(a, own)
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(x, y ImportView) int { return strings.Compare(string(x.Import), string(y.Import)) })
	return views
}

func (a *account) view() bulk.AccountQueue {
	v := bulk.AccountQueue{Account: a.id, Weight: a.weight, DeficitMS: a.deficit.Seconds() * 1000, Newcomer: a.newcomer, InFlight: a.inFlight}
	for _, l := range a.lines {
		v.Waiting += l.waiting
		if l.held {
			v.Held += l.waiting
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
		case o.held || o.waiting == 0 || o == l:
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
// each that is ready, never more than they have. A newcomer meets only half.
func (q *Queue) others(a *account, own int) int {
	n := 0
	for _, o := range q.accounts {
		if o != a && o.ready > 0 && !o.capped() {
			n += min(o.ready, max(1, own*o.weight/a.weight))
		}
	}
	if a.newcomer {
		n = min(n, own+1)
	}
	return n
}
