package drr

// Lane is whom a free slot is for.
type Lane string

// Whom a slot is for.
const (
	Anyone   Lane = ""         // whoever is next at the dispatcher
	Newcomer Lane = "newcomer" // a newcomer, nobody else
	Round    Lane = "round"    // the round; newcomers where nobody else waits
)

// Picker lets a node choose a dispatcher for each free slot as one scheduler would that
// had all accounts: newcomers first, wherever they are, as its burstGate admits; else the
// round, in proportion to what is due in it at each dispatcher.
//
// The zero Picker does not work; see [NewPicker]. It is not safe for concurrent use.
type Picker[K comparable] struct {
	ahead, round StrideScheduler[K]
	gate         burstGate
}

// NewPicker returns a picker that knows no dispatcher.
func NewPicker[K comparable]() *Picker[K] { return &Picker[K]{gate: newBurstGate(defaultAllowance)} }

// Set says what is due at a dispatcher; see [StrideScheduler.Set] for chance.
func (p *Picker[K]) Set(key K, d Demand, chance float64) {
	p.ahead.Set(key, d.Ahead, chance)
	p.round.Set(key, d.Round, chance)
}

// Remove forgets a dispatcher.
func (p *Picker[K]) Remove(key K) {
	p.ahead.Remove(key)
	p.round.Remove(key)
}

// Demand returns what was set.
func (p *Picker[K]) Demand(key K) Demand {
	return Demand{Ahead: p.ahead.Weight(key), Round: p.round.Weight(key)}
}

// Next chooses a dispatcher and says for whom the slot is; false: nothing is due anywhere.
// Where only one has anything, that is for it to say. A slot that has looked for a newcomer
// in vain, because other nodes were faster, serves the round: looking on would cost more.
func (p *Picker[K]) Next(inVain bool) (key K, lane Lane, ok bool) {
	if p.gate.admits(p.ahead.Total(), p.round.Total()) && !(inVain && p.round.Total() > 0) {
		key, ok = p.ahead.Next()
		lane = Newcomer
	} else {
		key, ok = p.round.Next()
		lane = Round
	}
	if ok && p.Alone(key) {
		lane = Anyone
	}
	return key, lane, ok
}

// Alone reports whether nothing is due at any other dispatcher.
func (p *Picker[K]) Alone(key K) bool {
	return p.ahead.Weight(key) == p.ahead.Total() && p.round.Weight(key) == p.round.Total()
}

// Got notes whether the slot went to a newcomer.
func (p *Picker[K]) Got(newcomer bool) {
	p.gate.took(newcomer, p.ahead.Total(), p.round.Total())
}
