package drr

import (
	"math"
	"strconv"

	"bulkhead/internal/bulk"
)

// Virtual is virtual time: slot time ÷ weight, in seconds. An account's is what it was
// charged since ever; who has less of it comes first. It is comparable between
// dispatchers, as those of all accounts are drawn to one mean.
type Virtual float64

// before compares to the nanosecond: less is rounding.
func (v Virtual) before(o Virtual) bool { return v < o-1e-9 }

// Demand is what is due at a dispatcher. Nodes share their slots among dispatchers by it:
// see [Picker].
type Demand struct {
	Round    Hundredths `json:"round"`              // weights of the accounts in the round that have something to run
	Ahead    Hundredths `json:"ahead"`              // batches that newcomers may run ahead of the round
	Fresh    Hundredths `json:"fresh,omitempty"`    // weights of these newcomers
	Owing    int        `json:"owing,omitempty"`    // accounts that would have something to run, but for their debt
	Virtual  Virtual    `json:"virtual,omitempty"`  // mean of the accounts in Round, by weight; 0: not known
	InFlight int        `json:"inflight,omitempty"` // batches
}

// Hundredths is a whole number that JSON has in hundredths. Processes of earlier versions tell and
// understand batches due in a round in this unit: weights, where a batch takes a quantum.
type Hundredths int

// MarshalJSON writes a hundred times the number.
func (h Hundredths) MarshalJSON() ([]byte, error) {
	return strconv.AppendInt(nil, 100*int64(h), 10), nil
}

// UnmarshalJSON reads it, rounded up: something is never nothing.
func (h *Hundredths) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	*h = Hundredths((n + 99) / 100)
	return err
}

// Any reports whether anything may run.
func (d Demand) Any() bool { return d.Round > 0 || d.Ahead > 0 || d.Owing > 0 }

// Exceeds tells more work than is known from noise.
func (d Demand) Exceeds(known Demand) bool {
	return d.Round > known.Round+known.Round/8 || d.Ahead > known.Ahead+known.Ahead/8 || d.Any() && !known.Any()
}

// Min returns d as far as it is not more than o.
func (d Demand) Min(o Demand) Demand {
	d.Round, d.Ahead, d.Owing = min(d.Round, o.Round), min(d.Ahead, o.Ahead), min(d.Owing, o.Owing)
	return d
}

// Demand returns what is due here.
func (q *Queue) Demand() Demand {
	d := q.sum.Demand
	if d.InFlight = q.inFlight; q.heard {
		d.Virtual = q.Virtual()
	}
	return d
}

// Weight returns the sum of the weights of the accounts that have something to run now.
func (q *Queue) Weight() int { return q.sum.weight }

// Virtual is how far the accounts in the round have come, on average; where nobody is in
// it, how far the round has.
func (q *Queue) Virtual() Virtual {
	if q.sum.Round == 0 {
		return q.round
	}
	return q.sum.attained / Virtual(q.sum.Round)
}

// Rounds counts the rounds since the beginning: one ends where an account begins its
// second turn in it. Newcomers run ahead of it and are not counted.
func (q *Queue) Rounds() int { return q.rounds }

// Waits reports whether a batch of the import waits.
func (q *Queue) Waits(id bulk.ImportID) bool {
	l := q.lines[id]
	return l != nil && l.waiting > 0
}

// tally is an account's part of the demand, or the sum of all.
type tally struct {
	Demand
	weight   int
	attained Virtual // × weight, of those in Round
}

// weigh keeps the queue's sum in step with what the account may run now. One that is
// further ahead than an allowance counts for nothing: it would draw slots here, and the
// mean away, for others.
func (q *Queue) weigh(a *account) {
	var now tally
	switch {
	case !a.may():
	case a.in == &q.newFlows:
		now.weight, now.Fresh = a.weight, Hundredths(a.weight)
		now.Ahead = Hundredths(min(a.waiting, q.quanta(a)))
	case a.attained > q.round+q.allowance():
		now.weight, now.Owing = a.weight, 1
	default:
		now.weight, now.Round = a.weight, Hundredths(a.weight)
		now.attained = a.attained * Virtual(a.weight)
	}
	q.count(a, now)
}

// quanta is how many batches of a quantum a newcomer may still run.
func (q *Queue) quanta(a *account) int {
	left := float64(a.until-a.attained) * float64(a.weight)
	return max(1, int(math.Ceil(left/q.cfg.Quantum.Seconds()-1e-6)))
}

// count replaces an account's part of the sum.
func (q *Queue) count(a *account, now tally) {
	was, s := a.tally, &q.sum
	s.Round += now.Round - was.Round
	s.Ahead += now.Ahead - was.Ahead
	s.Fresh += now.Fresh - was.Fresh
	s.Owing += now.Owing - was.Owing
	s.weight += now.weight - was.weight
	if s.attained += now.attained - was.attained; s.Round == 0 {
		s.attained = 0 // nothing is left of rounding
	}
	a.tally = now
}
