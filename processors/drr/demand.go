package drr

import (
	"time"

	"bulkhead/internal/bulk"
)

// tally is what may run now: the weights of the accounts in the round, those of the
// newcomers, and how many quanta the latter may use ahead of the round.
type tally struct{ due, fresh, ahead int }

// slowness is the weight of the newest batch in the mean slot time of all.
const slowness = 0.02

// Weight returns the sum of the weights of the accounts that have something to run now.
func (q *Queue) Weight() int { return q.due + q.fresh }

// Rounds counts the rounds since the beginning: one ends where an account begins its
// second turn in it. Newcomers run ahead of it and are not counted.
func (q *Queue) Rounds() int { return q.rounds }

// Demand returns how many batches are due here in a round, in hundredths: what the
// accounts in the round earn, and what newcomers may run ahead of it, divided by what
// a batch takes here on average. Nodes lease one batch at a time, so if they do it in
// proportion to this, accounts get the same slot time at every dispatcher, and
// newcomers as soon where few others wait as where many do. They count for no more
// than they can get beside the others.
func (q *Queue) Demand() int {
	quanta := q.ahead
	if q.due > 0 {
		quanta = q.due + min(q.ahead, q.cfg.Allowance*q.due)
	}
	return int(100 * float64(quanta) * float64(q.cfg.Quantum) / q.mean)
}

// Waits reports whether a batch of the import waits.
func (q *Queue) Waits(id bulk.ImportID) bool {
	l := q.lines[id]
	return l != nil && l.waiting > 0
}

// streakLimit is how many dispatches in a row newcomers get now while others wait: one,
// or up to their allowance where they may run so many times more ahead of the round than
// others earn in it. A dispatcher of few accounts has as many newcomers as any other, and
// nodes lease there in proportion to both, so its few get what is due to them all the same.
func (q *Queue) streakLimit() int {
	if q.due == 0 { // nobody waits: those in the round only pass through
		return 1
	}
	return min(max(q.ahead/q.due, 1), q.cfg.Allowance)
}

// learn takes in what a batch took; one stray measurement moves the mean by a bounded part.
func (q *Queue) learn(took time.Duration) {
	q.mean += slowness * (float64(min(max(took, time.Millisecond), 4*q.cfg.Quantum)) - q.mean)
}

// weigh keeps the queue's tally in step with what the account may run now.
func (q *Queue) weigh(a *account) {
	var now tally
	switch {
	case !a.may():
	case a.newcomer:
		now = tally{fresh: a.weight, ahead: min(q.cfg.Allowance*a.weight, a.ready)}
	default:
		now = tally{due: a.weight}
	}
	q.count(a, now)
}

// count replaces an account's part of the tally.
func (q *Queue) count(a *account, now tally) {
	q.due += now.due - a.tally.due
	q.fresh += now.fresh - a.tally.fresh
	q.ahead += now.ahead - a.tally.ahead
	a.tally = now
}
