package drr

import (
	"time"

	"bulkhead/internal/bulk"
)

// tally is what may run now: the weights of the accounts in the round, those of the
// newcomers, and the slot time that the latter may use ahead of the round.
type tally struct {
	due, fresh int
	ahead      time.Duration
}

// slowness is the weight of the newest batch in the mean slot time of all. The first
// batches weigh more, so that the mean is theirs and not that of the first guess: a
// dispatcher to which few batches are due would take long to get rid of it.
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
	total := q.ahead
	if round := q.round(); round > 0 {
		total = round + min(q.ahead, time.Duration(q.cfg.Allowance)*round)
	}
	return int(100 * float64(total) / q.mean)
}

// round is the slot time that the accounts in the round earn in one.
func (q *Queue) round() time.Duration { return time.Duration(q.due) * q.cfg.Quantum }

// Waits reports whether a batch of the import waits.
func (q *Queue) Waits(id bulk.ImportID) bool {
	l := q.lines[id]
	return l != nil && l.waiting > 0
}

// newcomersDue is how many dispatches newcomers get now for each one to another: one, or
// more where they may run so many times more ahead of the round than others earn in it,
// but never more than an allowance at once. A dispatcher of few accounts has as many newcomers as any other, and
// nodes lease there in proportion to both, so its few get what is due to them all the same.
func (q *Queue) newcomersDue() int {
	if q.due == 0 { // nobody waits: those in the round only pass through
		return 1
	}
	return max(int(q.ahead/q.round()), 1)
}

// learn takes in what a batch took; one stray measurement moves the mean by a bounded part.
func (q *Queue) learn(took time.Duration) {
	q.learnt++
	q.mean += max(slowness, 1/float64(q.learnt)) * (float64(min(max(took, time.Millisecond), 4*q.cfg.Quantum)) - q.mean)
}

// weigh keeps the queue's tally in step with what the account may run now.
func (q *Queue) weigh(a *account) {
	var now tally
	switch {
	case !a.may():
	case a.newcomer:
		left := time.Duration(q.cfg.Allowance*a.weight)*q.cfg.Quantum - a.spent
		now = tally{fresh: a.weight, ahead: min(left, time.Duration(q.mean*float64(a.ready)))}
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
