package drr

import (
	"time"

	"bulkhead/internal/bulk"
)

// account is a tenant with work, or with a debt that rounds have not yet paid off.
type account struct {
	id      bulk.AccountID
	weight  int
	cap     int           // batches in flight; 0: no bound
	deficit time.Duration // slot time it may still use; negative: debt
	open    bool          // it is in the middle of its turn

	newcomer bool          // it was entirely idle before and has allowance left
	spent    time.Duration // of its allowance
	owesPass bool          // it has been a newcomer and not yet been through the round

	ready    int // waiting batches of imports that are not held
	inFlight int
	lines    []*line // its imports
	classes  [classes]class

	in         *ring // the list it is in, or nil
	prev, next *account
}

// SetWeight sets an account's share, 1 to [MaxWeight]; it acts at the account's
// next turn. An account without batches is not remembered, so push first.
func (q *Queue) SetWeight(id bulk.AccountID, weight int) {
	a := q.accounts[id]
	if a == nil {
		return
	}
	q.weights[a.weight]--
	a.weight = min(max(weight, 1), MaxWeight)
	q.weights[a.weight]++
}

// SetCap bounds the batches that an account has in flight; 0 lifts the bound.
// Like a weight it is forgotten with the account's last batch.
func (q *Queue) SetCap(id bulk.AccountID, n int) {
	if a := q.accounts[id]; a != nil {
		a.cap = max(n, 0)
		q.activate(a)
		q.settle(a)
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
	for id, a := range q.accounts {
		if gone(id) {
			q.evict(a)
		}
	}
	return ids
}

func (q *Queue) evict(a *account) {
	for _, l := range a.lines {
		delete(q.lines, l.id)
	}
	if a.in != nil {
		a.in.remove(a)
	}
	q.dismiss(a)
}

// account finds or enters an account. One that is not known was entirely idle:
// it is a newcomer.
func (q *Queue) account(id bulk.AccountID) *account {
	a := q.accounts[id]
	if a == nil {
		a = q.spare.account()
		*a = account{id: id, weight: 1, cap: q.cfg.Cap, newcomer: true, owesPass: true, lines: a.lines[:0], classes: a.classes}
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

func (a *account) capped() bool { return a.cap > 0 && a.inFlight >= a.cap }

// idle: nothing waits, nothing is held, nothing is in flight.
func (a *account) idle() bool { return len(a.lines) == 0 }

// activate puts an account that may run into its list: a turn that the cap cut
// short goes on, others wait for the next.
func (q *Queue) activate(a *account) {
	switch {
	case a.in != nil || a.ready == 0 || a.capped():
	case a.newcomer:
		q.newcomers.pushBack(a)
	case a.open:
		q.old.pushFront(a)
	default:
		q.old.pushBack(a)
	}
}

// settle takes an account that may not run out of its list. An empty one
// forfeits what it did not use but keeps its debt; an idle one in debt, or fresh
// from the newcomers, still has to go through the round.
func (q *Queue) settle(a *account) {
	if a.ready > 0 && !a.capped() {
		return
	}
	if a.in != nil {
		a.in.remove(a)
	}
	if a.ready > 0 {
		return
	}
	a.open = false
	a.deficit = min(a.deficit, 0)
	if !a.idle() {
		return
	}
	if a.owesPass || a.deficit < 0 {
		a.owesPass, a.newcomer = false, false
		q.old.pushBack(a)
		return
	}
	q.dismiss(a)
}

// dismiss forgets an account that is in no list.
func (q *Queue) dismiss(a *account) {
	q.weights[a.weight]--
	delete(q.accounts, a.id)
	for i := range a.classes {
		a.classes[i].reset()
	}
	clear(a.lines)
	q.spare.accounts = append(q.spare.accounts, a)
}

// Weight sums the weights of the accounts that have work due. It looks at every
// account and allocates nothing.
func (q *Queue) Weight() (sum int) {
	for _, a := range q.accounts {
		if a.ready > 0 {
			sum += a.weight
		}
	}
	return sum
}
