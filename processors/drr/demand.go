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

// meanAlpha is the weight of the newest batch in the mean slot time of all. At first the
// newest weighs more, so that the mean is soon neither the first guess nor that of the
// batches that ended first, which are the short ones: a dispatcher to which few batches
// are due would take long to get rid of either.
const meanAlpha = 0.02

// Weight returns the sum of the weights of the accounts that have something to run now.
func (q *Queue) Weight() int { return q.due + q.fresh }

// Rounds counts the rounds since the beginning: one ends where an account begins its
// second turn in it. Newcomers run ahead of it and are not counted.
func (q *Queue) Rounds() int { return q.rounds }

// Demand is how many batches are due at a dispatcher, in hundredths: in a round, and
// ahead of it. Both are slot time divided by what a batch takes there on average. Nodes
// lease one batch at a time, so if they do it in proportion to Round, accounts get the
// same slot time at every dispatcher.
type Demand struct {
	Round int `json:"round"` // what the accounts in the round earn in one
	Ahead int `json:"ahead"` // what newcomers may run ahead of it; of that, at least 1
}

// Exceeds tells more work than is known from noise.
func (d Demand) Exceeds(known Demand) bool {
	return d.Round > known.Round+known.Round/8 || d.Ahead > known.Ahead+known.Ahead/8
}

// Min returns the lesser of both, in a round and ahead of it.
func (d Demand) Min(o Demand) Demand { return Demand{min(d.Round, o.Round), min(d.Ahead, o.Ahead)} }

// Demand returns what is due here.
func (q *Queue) Demand() Demand {
	return Demand{Round: q.batchesIn(q.round()), Ahead: max(q.batchesIn(q.ahead), min(q.fresh, 1))}
}

// batchesIn is how many take so much slot time here, in hundredths.
func (q *Queue) batchesIn(d time.Duration) int { return int(100 * float64(d) / q.mean) }

// round is the slot time that the accounts in the round earn in one.
func (q *Queue) round() time.Duration { return time.Duration(q.due) * q.cfg.Quantum }

// Waits reports whether a batch of the import waits.
func (q *Queue) Waits(id bulk.ImportID) bool {
	l := q.lines[id]
	return l != nil && l.waiting > 0
}

// learn takes in what a batch took; one stray measurement moves the mean by a bounded part.
func (q *Queue) learn(took time.Duration) {
	q.learnt++
	q.mean += max(meanAlpha, 4/float64(q.learnt+3)) * (float64(min(max(took, time.Millisecond), 4*q.cfg.Quantum)) - q.mean)
}

// weigh keeps the queue's tally in step with what the account may run now.
func (q *Queue) weigh(a *account) {
	var now tally
	switch {
	case !a.may():
	case a.newcomer:
		left := time.Duration(q.cfg.Allowance*a.weight)*q.cfg.Quantum - a.spent
		now = tally{fresh: a.weight, ahead: max(min(left, time.Duration(q.mean*float64(a.ready))), 1)}
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
