package drr

import "bulkhead/internal/bulk"

// account is one with work, or one whose use of slots is remembered.
type account struct {
	id       bulk.AccountID
	weight   int
	cap      int     // most batches in flight, or NoCap
	attained Virtual // T: slot time that it was charged ÷ weight
	until    Virtual // while it has attained less, it is a newcomer
	used     Virtual // of its turn among the newcomers
	open     bool    // it is in the middle of its turn in the round
	turn     int     // the round of its latest turn since it joined, or never
	paid     int     // turns that it passed since, in debt

	waiting  int   // batches of imports that are not paused
	tally    tally // what it may run now
	inFlight int
	lines    []*line // its imports
	classes  [classes]class

	in         *list // the list it is in, or nil
	prev, next *account
}

// SetWeight sets an account's share, 1 to [bulk.MaxWeight]. With more weight what it used of this
// round stays the same slot time, so it goes on at once; with less it was entitled to what it used, and
// its next turn comes in the next round; debt stays the same slot time, and what it is behind is at its
// new weight. An account without batches is not remembered, so push first.
func (q *Queue) SetWeight(id bulk.AccountID, weight int) {
	a := q.accounts[id]
	if weight = min(max(weight, 1), bulk.MaxWeight); a == nil || a.weight == weight {
		return
	}
	more := weight > a.weight
	q.listed(a, -1)
	scale := Virtual(a.weight) / Virtual(weight)
	if more {
		a.attained, a.until = q.began+(a.attained-q.began)*scale, q.began+(a.until-q.began)*scale
	} else if a.attained > q.round {
		a.attained = q.round + (a.attained-q.round)*scale
	}
	a.weight = weight
	q.listed(a, 1)
	if more && a.in == &q.oldFlows && a.attained.before(q.round) {
		a.open, a.turn = true, q.rounds
		q.oldFlows.remove(a)
		q.oldFlows.pushFront(a)
	}
	q.place(a)
}

// never is the turn of an account that had none since it joined the round.
const never = -1

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
	for id, a := range q.accounts { // those without work that are remembered
		if gone(id) {
			q.unlist(a)
			q.dismiss(a)
		}
	}
	return ids
}

// evict forgets an import whose batches are forgotten already.
func (q *Queue) evict(l *line) {
	a := l.account
	if !l.paused {
		q.ready(a, -l.waiting)
		a.classes[l.class].remove(l)
	}
	a.inFlight -= l.inFlight
	l.waiting, l.inFlight = 0, 0
	q.release(l)
	if q.cfg.FIFO { // where it is not its owner's
		q.place(a)
	}
}

// account finds or enters an account. Nothing is known of what a new one used: it may be
// behind the round as far as any.
func (q *Queue) account(id bulk.AccountID) *account {
	if q.cfg.FIFO {
		id = everybody
	}
	a := q.accounts[id]
	if a == nil {
		a = q.spare.account()
		*a = account{id: id, weight: 1, cap: NoCap, turn: never, attained: q.Virtual() - q.allowance(), lines: a.lines[:0], classes: a.classes}
		q.accounts[id] = a
	}
	return a
}

// newcomer reports whether the account may run ahead of the round.
func (a *account) newcomer() bool { return a.attained.before(a.until) }

func (a *account) capped() bool { return a.cap != NoCap && a.inFlight >= a.cap }

// may reports whether the account has something to run now.
func (a *account) may() bool { return a.waiting > 0 && !a.capped() }

// idle: nothing waits, nothing is paused, nothing is in flight.
func (a *account) idle() bool { return len(a.lines) == 0 }

// ready counts batches that may run, or may not any more. An account that had none comes
// back: it is behind the round by what it did not use, an allowance at most, and until it
// has come to where the others are, it is a newcomer. So the allowance is a token
// bucket: it fills as fast as the round goes on.
func (q *Queue) ready(a *account, n int) {
	if a.waiting == 0 && n > 0 {
		now := q.Virtual()
		a.attained = max(a.attained, now-q.allowance())
		a.until, a.used = now, 0
	}
	a.waiting += n
}

// place puts an account where it belongs after anything happened to it: into its
// list if it may run, out of it otherwise.
func (q *Queue) place(a *account) {
	switch {
	case a.may():
		q.enlist(a)
	case a.waiting > 0: // at its cap: it keeps what it has and earns nothing
		q.unlist(a)
	default: // its turn is over
		a.open = false
		q.unlist(a)
		if a.idle() {
			q.away.pushBack(a)
		}
	}
	q.weigh(a)
}

// enlist lets an account run, ahead of the round while it is a newcomer. In the round a
// turn that the cap cut short goes on, others wait for the next.
func (q *Queue) enlist(a *account) {
	to := &q.oldFlows
	if a.newcomer() && (a.in != to || a.until-a.attained >= newcomerTurn) { // for less it would lose its place in the round
		to = &q.newFlows
	}
	if a.in == to {
		return
	}
	q.unlist(a)
	if to == &q.oldFlows {
		a.attained = max(a.attained, q.began) // it earned nothing while it was not there
	}
	if a.open {
		to.pushFront(a)
	} else {
		a.turn = never
		to.pushBack(a)
	}
	q.listed(a, 1)
}

func (q *Queue) unlist(a *account) {
	if a.in == nil {
		return
	}
	q.listed(a, -1)
	a.in.remove(a)
}

// listed counts an account that may run, if it may, by its weight.
func (q *Queue) listed(a *account, n int) {
	if a.in == &q.newFlows || a.in == &q.oldFlows {
		q.weights[a.weight] += n
	}
}

// forgetOne forgets an account without work that would come back as a new one does. To
// look at one for each dispatch is enough: no account leaves without one.
func (q *Queue) forgetOne() {
	a := q.away.front()
	switch {
	case a == nil:
	case a.attained > q.Virtual()-q.allowance():
		q.away.toBack(a)
	default:
		q.away.remove(a)
		q.dismiss(a)
	}
}

// dismiss forgets an account that is in no list.
func (q *Queue) dismiss(a *account) {
	q.count(a, tally{})
	delete(q.accounts, a.id)
	for i := range a.classes {
		a.classes[i].reset()
	}
	clear(a.lines)
	q.spare.accounts = append(q.spare.accounts, a)
}
