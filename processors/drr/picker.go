package drr

import (
	"slices"
	"time"
)

// Lane is whom a free slot is for.
type Lane string

// Whom a slot is for.
const (
	Anyone   Lane = ""         // whoever is next at the dispatcher
	Newcomer Lane = "newcomer" // a newcomer, nobody else
	Round    Lane = "round"    // the round; newcomers where nobody else waits
)

// Ask is what a slot asks a dispatcher for.
type Ask struct {
	Lane    Lane    `json:"want,omitempty"`
	Virtual Virtual `json:"virtual,omitempty"` // the mean of all dispatchers, as the node knows it; 0: not known
}

// Picker lets a node choose a dispatcher for each free slot as one scheduler would that
// had all accounts: newcomers first, wherever they are, as its gate admits; else the round.
//
// A dispatcher's part of the round is the weights that are due there, corrected by how far
// its accounts have come against the mean of all: P = W·(1 − (V − V̄)/θ). So who draws
// slots to its dispatcher by helpers that do not use them gets nothing by it: V there runs
// ahead until the slots are what W is due, and by less than θ whatever the helpers.
//
// The zero Picker does not work; see [NewPicker]. It is not safe for concurrent use.
type Picker[K comparable] struct {
	known map[K]Demand
	keys  []K // of known, in order of arrival, so that the same is decided each time
	sum   Demand
	mean  Virtual // V̄

	newcomers, round shares[K]
	gate             gate
}

const (
	leastPart  = 1e-3 // of its weight, that a dispatcher gets however far ahead it is
	mostCredit = 2    // seconds of slot time
	mostInRow  = 16   // batches of newcomers
	headStart  = 0.05 // seconds, at most: nodes begin at different dispatchers
	origin     = 1    // V̄ where no dispatcher has heard of any yet
)

// NewPicker returns a picker that knows no dispatcher.
func NewPicker[K comparable]() *Picker[K] {
	return &Picker[K]{
		known: map[K]Demand{}, gate: gate{burst: defaultAllowance * defaultQuantum},
		newcomers: shares[K]{most: mostInRow}, round: shares[K]{most: mostCredit},
	}
}

// Set says what is due at a dispatcher. Chance, from 0 to below 1, sets nodes apart that
// hear the same.
func (p *Picker[K]) Set(key K, d Demand, chance float64) {
	was, known := p.known[key]
	if !known {
		p.keys = append(p.keys, key)
	}
	p.known[key] = d
	p.sum.add(was, -1)
	p.sum.add(d, 1)
	p.newcomers.set(key, float64(d.Ahead), chance)
	if d.Round != was.Round || d.Owing != was.Owing || d.Virtual != was.Virtual || d.InFlight != was.InFlight {
		p.divide(chance)
	}
}

func (d *Demand) add(o Demand, sign int) {
	d.Round += Hundredths(sign) * o.Round
	d.Ahead += Hundredths(sign) * o.Ahead
	d.Fresh += Hundredths(sign) * o.Fresh
	d.Owing += sign * o.Owing
	d.InFlight += sign * o.InFlight
}

// divide gives every dispatcher its part of the round.
func (p *Picker[K]) divide(chance float64) {
	weights, attained := Hundredths(0), Virtual(0)
	for _, key := range p.keys {
		if d := p.known[key]; d.Virtual > 0 {
			weights += d.Round
			attained += d.Virtual * Virtual(d.Round)
		}
	}
	switch {
	case weights > 0:
		p.mean = attained / Virtual(weights)
	case p.mean == 0:
		p.mean = origin
	}
	if least, ok := p.leastOwing(); ok && weights == 0 { // alone, they owe nobody: the others begin where they are
		p.mean = max(p.mean, p.known[least].Virtual)
	}
	theta := Correction(p.sum.InFlight, int(p.sum.Round)).Seconds()
	for _, key := range p.keys {
		d := p.known[key]
		part := 1.0
		if d.Virtual > 0 {
			part = max(leastPart, 1-float64(d.Virtual-p.mean)/theta)
		}
		p.round.set(key, float64(d.Round)*part, chance*headStart)
	}
}

// Remove forgets a dispatcher.
func (p *Picker[K]) Remove(key K) {
	p.Set(key, Demand{}, 0)
	delete(p.known, key)
	p.keys = slices.DeleteFunc(p.keys, func(k K) bool { return k == key })
	p.newcomers.remove(key)
	p.round.remove(key)
}

// Mean is V̄; 0: not known.
func (p *Picker[K]) Mean() Virtual { return p.mean }

// Demand returns what was set.
func (p *Picker[K]) Demand(key K) Demand { return p.known[key] }

// Next chooses a dispatcher and says what to ask for there; false: nothing is due anywhere.
// Where only one has anything, that is for it to say. A slot that has looked for a newcomer
// in vain, because other nodes were faster, serves the round: looking on would cost more.
func (p *Picker[K]) Next(inVain bool) (key K, ask Ask, ok bool) {
	switch {
	case p.gate.admits(p.sum) && !(inVain && p.sum.Round > 0):
		key, ok = p.newcomers.next()
		ask.Lane = Newcomer
	case p.sum.Round > 0:
		key, ok = p.round.next()
		ask.Lane = Round
	default:
		key, ok = p.leastOwing()
	}
	if ok && p.Alone(key) {
		ask.Lane = Anyone
	}
	ask.Virtual = p.mean
	return key, ask, ok
}

// leastOwing returns the dispatcher, of those where all are in debt, that is behind the others.
func (p *Picker[K]) leastOwing() (least K, ok bool) {
	for _, key := range p.keys {
		if d := p.known[key]; d.Owing > 0 && (!ok || d.Virtual < p.known[least].Virtual) {
			least, ok = key, true
		}
	}
	return least, ok
}

// Alone reports whether nothing is due at any other dispatcher.
func (p *Picker[K]) Alone(key K) bool {
	d := p.known[key]
	return d.Round == p.sum.Round && d.Ahead == p.sum.Ahead && d.Owing == p.sum.Owing
}

// Got notes who got a slot, and for what cost.
func (p *Picker[K]) Got(key K, newcomer bool, cost time.Duration) {
	p.gate.took(newcomer, cost, p.sum)
	if newcomer {
		p.newcomers.charge(key, 1)
	} else {
		p.round.charge(key, cost.Seconds())
	}
}

// Took notes what more than that it took, or less where it is negative.
func (p *Picker[K]) Took(key K, newcomer bool, more time.Duration) {
	if newcomer {
		p.gate.took(true, more, p.sum)
	} else {
		p.round.charge(key, more.Seconds())
	}
}
