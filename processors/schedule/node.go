package schedule

import (
	"time"

	"bulkhead/processors/drr"
)

// Node chooses a dispatcher for each free slot of a processor, from what it has heard of
// the demand at each: see [drr.Picker]. K names a dispatcher. The zero Node does not work;
// see [NewNode]. It is not safe for concurrent use.
type Node[K comparable] struct{ picker *drr.Picker[K] }

// NewNode returns a node that has heard of no dispatcher.
func NewNode[K comparable]() *Node[K] { return &Node[K]{drr.NewPicker[K]()} }

// Request is what a free slot asks a dispatcher for.
type Request[K comparable] struct {
	Dispatcher K
	drr.Ask
	Alone bool // nothing is due at any other: it may as well wait there a little
}

// Hear takes in what is due at a dispatcher; chance, from 0 to below 1, sets nodes apart
// that hear the same. It reports whether something is due where nothing was.
func (n *Node[K]) Hear(dispatcher K, due drr.Demand, chance float64) (rose bool) {
	rose = due.Any() && !n.picker.Demand(dispatcher).Any()
	n.picker.Set(dispatcher, due, chance)
	return rose
}

// Known returns what was heard last.
func (n *Node[K]) Known(dispatcher K) drr.Demand { return n.picker.Demand(dispatcher) }

// Mean is how far all dispatchers have come on average, as far as it heard.
func (n *Node[K]) Mean() drr.Virtual { return n.picker.Mean() }

// Forget drops a dispatcher that is gone.
func (n *Node[K]) Forget(dispatcher K) { n.picker.Remove(dispatcher) }

// Ask chooses for a free slot; false: nothing is due anywhere. inVain says that the slot
// has looked for a newcomer already, and found none.
func (n *Node[K]) Ask(inVain bool) (Request[K], bool) {
	key, ask, ok := n.picker.Next(inVain)
	return Request[K]{key, ask, ok && n.picker.Alone(key)}, ok
}

// Then is what follows from an answer.
type Then struct {
	InVain bool // a newcomer was looked for that is not there: the next request is not for one
	Empty  bool // the dispatcher had nothing at all
	Rose   bool // something is due where nothing was known to be
}

// Take learns from an answer; for chance see [Node.Hear]. Without a lease the slot asks again.
func (n *Node[K]) Take(q Request[K], a Answer, chance float64) Then {
	switch {
	case a.Lease != nil:
		n.picker.Got(q.Dispatcher, a.Newcomer, a.Cost)
		return Then{Rose: n.Hear(q.Dispatcher, a.Due, chance)}
	case q.Lane == drr.Newcomer:
		a.Due.Ahead, a.Due.Fresh = 0, 0
		return Then{InVain: true, Rose: n.Hear(q.Dispatcher, a.Due, chance)}
	default:
		due := drr.Demand{}
		if q.Lane == drr.Round { // those in debt it keeps for who finds nothing else
			due.Owing, due.Virtual, due.InFlight = a.Due.Owing, a.Due.Virtual, a.Due.InFlight
		}
		n.Hear(q.Dispatcher, due, chance)
		return Then{Empty: !due.Any()}
	}
}

// Ended notes what a batch took that the dispatcher leased with this answer.
func (n *Node[K]) Ended(dispatcher K, a Answer, took time.Duration) {
	n.picker.Took(dispatcher, a.Newcomer, took+Turnaround-a.Cost)
}
