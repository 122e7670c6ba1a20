package simulate

import (
	"cmp"
	"time"

	"bulkhead/processors/drr"
)

// dispatcher owns accounts, and leases their batches to the seats that ask.
type dispatcher struct {
	alive      bool
	queue      queue
	pace       drr.Pace // of all imports
	stragglers drr.Stragglers
	nodes      []drr.Slowness // by node
	lagging    []*batch       // worth a second copy, the oldest first
	told       bool           // that it has work is on its way to the nodes
}

func (d *dispatcher) demand() (due drr.Demand) {
	if !d.alive {
		return due
	}
	due = d.queue.demand()
	if len(d.lagging) > 0 {
		due.Round = max(due.Round, 100) // one batch, as in processors/dispatch
	}
	return due
}

// predict estimates the slot time of a batch, as processors/dispatch does.
func (w *world) predict(d *dispatcher, b *batch) time.Duration {
	if w.blind {
		return time.Duration(b.ref.Rows) * perRow
	}
	p := d.pace
	if b.load.pace > 0 {
		p = b.load.pace
	}
	return p.Predict(b.ref.Rows)
}

// learn takes in what a batch took.
func (w *world) learn(d *dispatcher, b *batch, took time.Duration) {
	l := b.load
	if l.pace == 0 {
		l.pace = d.pace
	}
	l.pace = l.pace.Add(took, b.ref.Rows)
	d.pace = d.pace.Add(took, b.ref.Rows)
}

// grant gives a seat of a node what is due, or nil.
func (w *world) grant(o, at int32, want drr.Want) (b *batch, again bool) {
	d := &w.dispatchers[o]
	if !d.alive {
		return nil, false
	}
	if b := w.second(d, at); b != nil {
		return b, true
	}
	if d.stragglers.Slow(d.nodes[at]) {
		want = drr.Round
	}
	b = d.queue.pop(want)
	if b == nil {
		return nil, false
	}
	w.taken(b)
	if b.attempts == 0 && b.load.files > 0 && !w.draining {
		next := w.ledger.stage(b.load, w.now)
		next.partition = b.partition
		w.push(next)
	}
	return b, false
}

// lag looks at work whose time has come to be worth a second copy: it is, if its import
// waits for nothing else.
func (w *world) lag(at, turn int32) {
	s := &w.seats[at]
	b := cmp.Or(s.batch, s.lost)
	if s.turn != turn || b == nil || b.free || b.lagging || b.committed {
		return
	}
	o := w.owners[b.partition]
	if o < 0 {
		return
	}
	d := &w.dispatchers[o]
	after, pays := d.stragglers.After(b.cost, d.nodes[s.node])
	if !pays || w.now-s.begun < after || b.load.queued > 0 {
		w.watch(d, at, b)
		return
	}
	b.lagging = true
	d.lagging = append(d.lagging, b)
	w.announce(o)
}

// watch plans the moment at which work in a seat is old enough to be looked at.
func (w *world) watch(d *dispatcher, at int32, b *batch) {
	if !w.design.copies || w.uncopied {
		return
	}
	s := &w.seats[at]
	after, pays := d.stragglers.After(b.cost, d.nodes[s.node])
	if !pays {
		after = w.now - s.begun + lookEvery
	}
	w.plan((max(s.begun+after, w.now+1)+tick-1)/tick*tick, lags, at, s.turn)
}

// second returns the batch that waits longest for a second copy, if this node is not
// the slow one.
func (w *world) second(d *dispatcher, at int32) *batch {
	for len(d.lagging) > 0 {
		b := d.lagging[0]
		due := !b.committed && b.running+b.lost == 1
		if due && (b.node == at || d.stragglers.Slow(d.nodes[at]) || !d.stragglers.Afford()) {
			return nil
		}
		copy(d.lagging, d.lagging[1:])
		d.lagging = d.lagging[:len(d.lagging)-1]
		if due {
			d.stragglers.Spend()
			w.found.copies++
			return b
		}
	}
	return nil
}
