package simulate

import (
	"strconv"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/schedule"
)

// node is a processor.
type node struct {
	id    bulk.NodeID
	alive bool    // false: it is gone, or leaves when its work has ended
	slow  float64 // how many times longer everything takes
	view  view    // the dispatchers, as it knows them
	idle  []int32 // seats that wait for any dispatcher to have work
}

// seat is a slot of a node.
type seat struct {
	node  int32
	turn  int32 // counts its batches
	batch *batch
	from  int32           // dispatcher
	by    schedule.Answer // of it: the lease
	begun time.Duration
	fails bool
}

func (w *world) buildNodes() {
	most := w.faults.most(w.scene.nodes)
	w.nodes = make([]node, most)
	w.seats = make([]seat, most*w.slots)
	for i := range w.nodes {
		n := &w.nodes[i]
		n.id, n.slow = bulk.NodeID("n"+strconv.Itoa(i)), 1
		n.view = w.design.newView()
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
		w.dispatchers[d].hear(n)
		n.view.Hear(int32(d), w.dispatchers[d].demand(), w.chance.Float64())
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
		n := &w.nodes[(first+i)%len(w.nodes)]
		due := d.demand()
		if !due.Any() {
			return
		}
		known := n.view.Known(o)
		if !n.alive || (known.Ahead > 0 || due.Ahead == 0) && (known.Round > 0 || due.Round == 0) {
			continue
		}
		n.view.Hear(o, due, w.chance.Float64())
		for waits := true; waits && len(n.idle) > 0; {
			s := n.idle[len(n.idle)-1]
			n.idle = n.idle[:len(n.idle)-1]
			waits = w.ask(s, false)
		}
	}
}

// ask is a free seat that asks for a lease; false: nothing is due, it waits.
func (w *world) ask(at int32, inVain bool) bool {
	s := &w.seats[at]
	n := &w.nodes[s.node]
	if !n.alive || s.batch != nil {
		return true
	}
	q, ok := schedule.Request[int32]{Dispatcher: s.node}, true // of its own dispatcher, where each node has one
	if !w.design.local {
		q, ok = n.view.Ask(inVain)
	}
	if !ok {
		n.idle = append(n.idle, at)
		return false
	}
	b, a := w.lease(q.Dispatcher, s.node, q.Ask)
	if b != nil {
		s.from, s.by = q.Dispatcher, a
		w.begin(at, b)
	}
	switch {
	case w.design.local && b == nil:
		n.idle = append(n.idle, at)
		return false
	case w.design.local:
		return true
	}
	then := n.view.Take(q, a, w.chance.Float64())
	if b == nil {
		again := int32(0)
		if then.InVain || inVain {
			again = 1
		}
		w.plan(w.now+roundTrip, asks, at, again)
	}
	return true
}

// begin puts a batch into a free seat.
func (w *world) begin(at int32, b *batch) {
	s := &w.seats[at]
	s.turn++
	s.batch, s.begun = b, w.now
	b.attempts++
	b.running++
	w.free--
	w.busy++
	w.found.grants++
	now := attempt{b.imp.account, b.imp.no, b.no, b.attempts}
	s.fails = !w.draining && now.failing(w.seed)
	took := now.service(w.seed)
	took = time.Duration(float64(took) * w.nodes[s.node].slow * w.crowding())
	b.imp.begin(w.now, took)
	w.plan(w.now+took, ends, at, s.turn)
}

// crowding is how many times longer a batch takes that begins now, because of the database that all
// share: it works on so many at once as fast as on one, and shares itself among more.
func (w *world) crowding() float64 {
	if w.knee == 0 {
		return 1
	}
	return max(float64(w.busy)/float64(w.knee), 1)
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
	w.served(b.imp.account, s.begun, w.now)
	b.imp.end(w.now, s.begun)
	out := bulk.Outcome{Result: bulk.ResultFinished, Service: took}
	switch {
	case s.fails && !b.committed:
		out.Result = bulk.ResultRetry
	case w.ledger.commit(b):
		w.committed(b)
	default:
		w.found.useless += took
	}
	if o := w.owners[b.partition]; o >= 0 {
		w.dispatchers[o].schedule.Return(w.clock(), *s.by.Lease, out)
	}
	w.nodes[s.node].view.Ended(s.from, s.by, took)
	w.release(b)
	if w.nodes[s.node].alive {
		w.free++
		w.plan(w.now+roundTrip, asks, at, 0)
	} else {
		w.open--
	}
}

// release gives the place of a batch back, unless its dispatcher still knows it.
func (w *world) release(b *batch) {
	if o := w.owners[b.partition]; o < 0 || !w.dispatchers[o].schedule.Knows(b.ref.ID(), nil) {
		w.ledger.release(b)
	}
}

func (w *world) committed(b *batch) {
	l := b.imp
	if l.done == l.batches && l.actor != nil {
		w.ended(l.actor)
	}
	if l.done == l.batches && l.measured {
		w.pending--
		w.found.samples = append(w.found.samples, sample{l.batches, w.now - l.arrived, l.felt, l.lost})
	}
}

// served notes slot time in the windows of an account.
func (w *world) served(t *account, begun, ended time.Duration) {
	t.used += max(min(ended, w.to)-max(begun, w.from), 0)
	if ended >= w.from && ended < w.to {
		t.ended++
	}
	for i := range t.windows {
		from := w.from + time.Duration(i)*w.window
		if part := min(ended, from+w.window) - max(begun, from); part > 0 {
			t.windows[i] += part
		}
	}
}
