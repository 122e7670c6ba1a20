package drr

import (
	"time"

	"bulkhead/internal/bulk"
)

// account is one with work, or with a debt that rounds have not yet paid off.
type account struct {
	id      bulk.AccountID
	weight  int
	cap     int           // most batches in flight, or NoCap
	deficit time.Duration // slot time it may still use; negative: debt
	open    bool          // it is in the middle of its turn

	newcomer bool          // it has allowance left and was not through the round since it came
	spent    time.Duration // of its allowance
	round    int           // of its latest turn
	paid     int           // turns that it passed since, in debt
	owesPass bool          // it has been a newcomer and not yet been through the round

	ready    int   // waiting batches of imports that are not paused
	tally    tally // what it may run now
	inFlight int
	lines    []*line // its imports
	classes  [classes]class

	in         *list // the list it is in, or nil
	prev, next *account
}

// SetWeight sets an account's share, 1 to [bulk.MaxWeight]; it acts at the account's
// next turn. An account without batches is not remembered, so push first.
func (q *Queue) SetWeight(id bulk.AccountID, weight int) {
	a := q.accounts[id]
	if a == nil {
		return
	}
	q.weights[a.weight]--
	a.weight = min(max(weight, 1), bulk.MaxWeight)
	q.weights[a.weight]++
	q.weigh(a)
}

// NoCap lifts the bound of [Queue.SetCap].
const NoCap = -1

// SetCap bounds the batches that an account has in flight: 0 pauses the account,
// [NoCap] lifts the bound. Like a weight it is forgotten with the account's last batch.
func (q *Queue) SetCap(id bulk.AccountID, n int) {
	n = max(n, NoCap)
	if a := q.accounts[id]; a != nil && a.cap != n {
		a.cap = n
		q.place(a)
	}
}

// Evict forgets the accounts that gone names, with what they have in flight, and
// returns their batches: another dispatcher owns them now.
func (q *Queue) Evict(gone func(bulk.AccountID) bool) []bulk.BatchID {
	var ids []bulk.BatchID
	for id, b := range q.batches {
		if gone(b.ref.Account) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		b := q.batches[id]
		if b.flying {
			q.inFlight--
		} else {
			q.waiting--
		}
		q.forget(b)
	}
	for _, l := range q.lines {
		if gone(l.owner) {
			q.evict(l)
		}
	}
	for id, a := range q.accounts { // those without work that still owe the round something
		if gone(id) {
			q.banish(a)
		}
	}
	return ids
}

// evict forgets an import whose batches are forgotten already.
func (q *Queue) evict(l *line) {
	a := l.account
	if !l.paused {
		a.ready -= l.waiting
		a.classes[l.class].remove(l)
	}
	a.inFlight -= l.inFlight
	l.waiting, l.inFlight = 0, 0
	q.release(l)
	if a.idle() {
		q.banish(a)
		return
	}
	q.place(a)
}

// banish dismisses an account from wherever it is.
func (q *Queue) banish(a *account) {
	a.unlist()
	q.dismiss(a)
}

// account finds or enters an account. One that is not known was entirely idle:
// it is a newcomer.
func (q *Queue) account(id bulk.AccountID) *account {
	if q.cfg.FIFO {
		id = everybody
	}
	a := q.accounts[id]
	if a == nil {
		a = q.spare.account()
		*a = account{id: id, weight: 1, cap: NoCap, newcomer: true, owesPass: true, lines: a.lines[:0], classes: a.classes}
		q.accounts[id] = a
		q.weights[1]++
	}
	return a
}

// quantum is the slot time that an account earns a turn.
func (q *Queue) quantum(a *account) time.Duration {
	least := 1
	for least < a.weight && q.weights[least] == 0 {
		least++
	}
	return q.cfg.Quantum * time.Duration(a.weight) / time.Duration(least)
}

func (a *account) capped() bool { return a.cap != NoCap && a.inFlight >= a.cap }

// may reports whether the account has something to run now.
func (a *account) may() bool { return a.ready > 0 && !a.capped() }

// idle: nothing waits, nothing is paused, nothing is in flight.
func (a *account) idle() bool { return len(a.lines) == 0 }

// place puts an account where it belongs after anything happened to it: into its
// list if it may run, out of it otherwise.
func (q *Queue) place(a *account) {
	q.weigh(a)
	switch {
	case a.may():
		q.enlist(a)
	case a.ready > 0: // at its cap: it keeps what it has and earns nothing
		a.unlist()
	default:
		a.unlist()
		q.emptied(a)
	}
}

// enlist lets an account run: a turn that the cap cut short goes on, others wait
// for the next.
func (q *Queue) enlist(a *account) {
	switch {
	case a.newcomer && a.in == &q.oldFlows: // it has work again before it was through the round
		q.oldFlows.remove(a)
		q.newFlows.pushBack(a)
	case a.in != nil:
	case a.newcomer:
		q.newFlows.pushBack(a)
	case a.open:
		q.oldFlows.pushFront(a)
	default:
		q.oldFlows.pushBack(a)
	}
}

func (a *account) unlist() {
	if a.in != nil {
		a.in.remove(a)
	}
}

// emptied ends the turn of an account without work. It forfeits what it did not use
// but keeps its debt; an idle one in debt, or fresh from the newcomers, still has to
// go through the round. Until a newcomer is through, it keeps what is left of its
// allowance: of a small import whose first batch ends before the second is staged,
// neither waits behind the round.
func (q *Queue) emptied(a *account) {
	a.open = false
	a.deficit = min(a.deficit, 0)
	switch {
	case !a.idle():
	case a.owesPass || a.deficit < 0:
		q.oldFlows.pushBack(a)
	default:
		q.dismiss(a)
	}
}

// dismiss forgets an account that is in no list.
func (q *Queue) dismiss(a *account) {
	q.count(a, tally{})
	q.weights[a.weight]--
	delete(q.accounts, a.id)
	for i := range a.classes {
		a.classes[i].reset()
	}
	clear(a.lines)
	q.spare.accounts = append(q.spare.accounts, a)
}
