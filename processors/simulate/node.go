package simulate

import (
	"time"

	"bulkhead/processors/drr"
)

// node is a processor.
type node struct {
	alive bool               // false: it is gone, or leaves when its work has ended
	slow  float64            // how many times longer everything takes
	view  *drr.Picker[int32] // demand of the dispatchers, as it knows it
	idle  []int32            // seats that wait for any dispatcher to have work
}

// seat is a slot of a node.
type seat struct {
	node  int32
	turn  int32 // counts its batches
	batch *batch
	lost  *batch // it had when the node was lost, which its dispatcher does not know
	begun time.Duration
}

func (w *world) buildNodes() {
	most := w.faults.most(w.scene.nodes)
	w.nodes = make([]node, most)
	w.seats = make([]seat, most*w.slots)
	for i := range w.nodes {
		n := &w.nodes[i]
		n.slow = 1
		n.view = drr.NewPicker[int32]()
		if float64(i) < w.slow*float64(w.scene.nodes) {
			n.slow = w.slower
		}
		n.idle = make([]int32, 0, w.slots)
		for s := range w.slots {
			w.seats[i*w.slots+s].node = int32(i)
		}
	}
	for i := range w.scene.nodes {
		w.join(int32(i))
	}
}

// join lets a node begin to work; no two look at the demand at the same time.
func (w *world) join(i int32) {
	n := &w.nodes[i]
	n.alive = true
	n.idle = n.idle[:0]
	w.open += w.slots
	w.free += w.slots
	for s := range w.slots {
		w.plan(w.now, asks, i*int32(w.slots)+int32(s), 0)
	}
	if !w.design.local {
		w.plan(w.now+time.Duration(w.chance.Int64N(int64(lookEvery))), looks, i, 0)
	}
}

// look reads the demand of every dispatcher.
func (w *world) look(i int32) {
	n := &w.nodes[i]
	if !n.alive {
		return
	}
	for d := range w.dispatchers {
		n.view.Set(int32(d), w.dispatchers[d].demand(), w.chance.Float64())
	}
	w.plan(w.now+lookEvery, looks, i, 0)
	for _, s := range n.idle {
		w.plan(w.now+roundTrip, asks, s, 0)
	}
	n.idle = n.idle[:0]
}

// announce lets the nodes know that a dispatcher has work.
func (w *world) announce(o int32) {
	if w.design.local {
		n := &w.nodes[o]
		if last := len(n.idle) - 1; last >= 0 {
			w.plan(w.now, asks, n.idle[last], 0)
			n.idle = n.idle[:last]
		}
		return
	}
	if d := &w.dispatchers[o]; !d.told {
		d.told = true
		w.plan(w.now+roundTrip+time.Duration(w.chance.Int64N(int64(riseStep))), rises, o, 0)
	}
}

// rise tells the nodes that knew of no work at a dispatcher, or of no newcomers. Seats
// that wait ask at once, those of all nodes at the same moment.
func (w *world) rise(o int32) {
	d := &w.dispatchers[o]
	d.told = false
	first := w.chance.IntN(len(w.nodes))
	for i := range w.nodes {
		at := int32((first + i) % len(w.nodes))
		n := &w.nodes[at]
		due := d.demand()
		if due == (drr.Demand{}) {
			return
		}
		known := n.view.Demand(o)
		if !n.alive || (known.Ahead > 0 || due.Ahead == 0) && (known.Round > 0 || due.Round == 0) {
			continue
		}
		n.view.Set(o, due, w.chance.Float64())
		for len(n.idle) > 0 {
			s := n.idle[len(n.idle)-1]
			b, again := w.grant(o, at, drr.Anyone)
			if b == nil {
				n.view.Set(o, drr.Demand{}, 0)
				break
			}
			n.view.Got(b.ahead && !again)
			n.idle = n.idle[:len(n.idle)-1]
			w.begin(s, b, again)
		}
	}
}

// ask is a free seat that asks for a lease.
func (w *world) ask(at int32, inVain bool) {
	s := &w.seats[at]
	n := &w.nodes[s.node]
	if !n.alive || s.batch != nil {
		return
	}
	o, want := w.pick(s.node, inVain)
	if o < 0 {
		n.idle = append(n.idle, at)
		return
	}
	b, again := w.grant(o, s.node, want)
	switch {
	case b != nil:
		if !w.design.local {
			n.view.Got(b.ahead && !again)
			n.view.Set(o, w.dispatchers[o].demand(), w.chance.Float64())
		}
		w.begin(at, b, again)
	case w.design.local:
		n.idle = append(n.idle, at)
	default: // it had work when that was asked
		due := w.dispatchers[o].demand()
		if want == drr.Newcomer {
			n.view.Set(o, drr.Demand{Round: due.Round}, w.chance.Float64())
			w.plan(w.now+roundTrip, asks, at, 1)
		} else {
			n.view.Set(o, drr.Demand{}, 0)
			w.plan(w.now+roundTrip, asks, at, 0)
		}
	}
}

// pick chooses a dispatcher, -1 when none has work, and says for whom.
func (w *world) pick(i int32, inVain bool) (o int32, want drr.Want) {
	if w.design.local {
		return i, drr.Anyone
	}
	if o, want, ok := w.nodes[i].view.Next(inVain); ok {
		return o, want
	}
	return -1, drr.Anyone
}

// begin puts a batch into a free seat.
func (w *world) begin(at int32, b *batch, again bool) {
	s := &w.seats[at]
	s.turn++
	s.batch, s.lost, s.begun = b, nil, w.now
	b.attempts++
	b.running++
	w.free--
	w.busy++
	w.found.grants++
	took := service(w.seed, b.load.no, b.no, b.attempts, b.ref.Rows, b.load.row)
	took = time.Duration(float64(took) * w.nodes[s.node].slow)
	w.plan(w.now+took, ends, at, s.turn)
	if again {
		return
	}
	b.node = s.node
	if o := w.owners[b.partition]; o >= 0 {
		w.watch(&w.dispatchers[o], at, b)
	}
}

// end is the end of the work in a seat: the batch is committed, if no other attempt was first.
func (w *world) end(at, turn int32) {
	s := &w.seats[at]
	if s.turn != turn || s.batch == nil {
		return // the node was lost
	}
	b, took := s.batch, w.now-s.begun
	s.batch = nil
	w.busy--
	b.running--
	w.served(b.load.tenant, s.begun, w.now)
	if w.ledger.commit(b) {
		w.committed(b, took)
	} else {
		w.found.useless += took
	}
	if o := w.owners[b.partition]; o >= 0 {
		d := &w.dispatchers[o]
		d.stragglers.Add(took, b.cost)
		d.nodes[s.node] = d.nodes[s.node].Add(took, b.cost)
	}
	w.ledger.release(b)
	if w.nodes[s.node].alive {
		w.free++
		w.plan(w.now+roundTrip, asks, at, 0)
	} else {
		w.open--
	}
}

func (w *world) committed(b *batch, took time.Duration) {
	if o := w.owners[b.partition]; o >= 0 {
		d := &w.dispatchers[o]
		w.learn(d, b, took)
		d.queue.finish(b, took)
	}
	l := b.load
	if l.done == l.batches && l.measured {
		w.pending--
		w.found.samples = append(w.found.samples, sample{l.batches, w.now - l.arrived, l.felt, l.lost})
	}
}

// served notes slot time in the windows of an account.
func (w *world) served(t *tenant, begun, ended time.Duration) {
	for i := range t.windows {
		from := w.from + time.Duration(i)*w.window
		if part := min(ended, from+w.window) - max(begun, from); part > 0 {
			t.windows[i] += part
		}
	}
}
