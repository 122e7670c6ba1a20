package simulate

import (
	"time"

	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// view is what a node knows of the dispatchers, and how it chooses one for a free slot:
// that of production is [schedule.Node].
type view interface {
	Hear(dispatcher int32, due drr.Demand, chance float64) (rose bool)
	Known(dispatcher int32) drr.Demand
	Ask(inVain bool) (schedule.Request[int32], bool)
	Take(q schedule.Request[int32], a schedule.Answer, chance float64) schedule.Then
	Ended(dispatcher int32, a schedule.Answer, took time.Duration)
	Mean() drr.Virtual
}

// strides is the view of a node that shares its slots by what dispatchers say is due there,
// whoever it is due to: stride scheduling (Waldspurger and Weihl, 1995), newcomers first
// but no more than five dispatches in a row.
type strides struct {
	ahead, round stride
	spent        int // dispatches of newcomers in a row
}

func newStrides() view { return &strides{} }

func (s *strides) Hear(d int32, due drr.Demand, chance float64) (rose bool) {
	rose = due.Any() && !s.Known(d).Any()
	s.ahead.set(d, due.Ahead, chance)
	s.round.set(d, due.Round, chance)
	return rose
}

// Ended and Mean are nothing to it: it counts dispatches.
func (s *strides) Ended(int32, schedule.Answer, time.Duration) {}
func (s *strides) Mean() drr.Virtual                           { return 0 }

func (s *strides) Known(d int32) drr.Demand {
	return drr.Demand{Ahead: s.ahead.find(d).weight, Round: s.round.find(d).weight}
}

func (s *strides) Ask(inVain bool) (q schedule.Request[int32], ok bool) {
	if s.ahead.total > 0 && (s.round.total == 0 || s.spent < gift && !inVain) {
		q.Lane = drr.Newcomer
		q.Dispatcher, ok = s.ahead.next()
	} else {
		q.Lane = drr.Round
		q.Dispatcher, ok = s.round.next()
	}
	if s.Known(q.Dispatcher) == (drr.Demand{Ahead: s.ahead.total, Round: s.round.total}) {
		q.Lane = drr.Anyone // nothing is due anywhere else
	}
	return q, ok
}

func (s *strides) Take(q schedule.Request[int32], a schedule.Answer, chance float64) schedule.Then {
	switch {
	case a.Lease != nil:
		s.spent = gate(s.spent, a.Newcomer, s.ahead.total, s.round.total)
		return schedule.Then{Rose: s.Hear(q.Dispatcher, a.Due, chance)}
	case q.Lane == drr.Newcomer:
		return schedule.Then{InVain: true, Rose: s.Hear(q.Dispatcher, drr.Demand{Round: a.Due.Round}, chance)}
	default:
		s.Hear(q.Dispatcher, drr.Demand{}, 0)
		return schedule.Then{Empty: true}
	}
}

// gate counts the dispatches of newcomers: at most five in a row while others wait, and
// in the long run every other one, or more where they are due so many times more.
func gate(spent int, newcomer bool, ahead, round drr.Hundredths) int {
	switch {
	case !newcomer && round > 0:
		return max(spent-int(max(ahead/round, 1)), 0)
	case !newcomer:
		return max(spent-1, 0)
	case round <= 0: // nobody waits for it
		return 0
	}
	return spent + 1
}

// stride chooses in proportion to weights: an option goes on by the inverse of its weight
// when it is chosen.
type stride struct {
	options []option
	total   drr.Hundredths
	now     float64 // when the latest choice was due
}

type option struct {
	weight drr.Hundredths
	due    float64
}

func (s *stride) find(i int32) *option {
	for len(s.options) <= int(i) {
		s.options = append(s.options, option{})
	}
	return &s.options[i]
}

// set gives an option a weight. One that had none is due after a part of a stride that
// chance says; of others the part that is left stays the same.
func (s *stride) set(i int32, weight drr.Hundredths, chance float64) {
	o := s.find(i)
	switch {
	case weight == 0:
	case o.weight == 0:
		o.due = s.now + chance/float64(weight)
	default:
		o.due = s.now + (o.due-s.now)*float64(o.weight)/float64(weight)
	}
	s.total += weight - o.weight
	o.weight = weight
}

func (s *stride) next() (who int32, ok bool) {
	var best *option
	for i := range s.options {
		if o := &s.options[i]; o.weight > 0 && (best == nil || o.due < best.due) {
			best, who = o, int32(i)
		}
	}
	if best == nil {
		return 0, false
	}
	s.now = best.due
	best.due += 1 / float64(best.weight)
	return who, true
}
