package simulate

import (
	"cmp"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// faults are what goes wrong in a run, and how the number of nodes changes.
type faults struct {
	deaths  time.Duration // a dispatcher dies this often; 0: never
	crashes time.Duration // a node is lost this often; 0: never
	resize  []resize

	redelivered int // batches of lost nodes, and those that a dispatcher found in the ledger
}

// resize changes the number of nodes; those that leave finish what they work on.
type resize struct {
	at    time.Duration
	nodes int
}

// How long the cluster takes to notice.
const (
	session  = 6 * time.Second        // of a dispatcher with the broker
	takeover = 250 * time.Millisecond // reading the ledger and the leases that nodes hold
	restart  = 20 * time.Second       // of what died
)

func (f *faults) most(nodes int) int {
	for _, r := range f.resize {
		nodes = max(nodes, r.nodes)
	}
	return nodes
}

func (w *world) planFaults() {
	if w.faults.deaths > 0 {
		w.plan(w.from, dies, 0, 0)
	}
	if w.faults.crashes > 0 {
		w.plan(w.from+w.faults.crashes/2, crashes, 0, 0)
	}
	for _, r := range w.faults.resize {
		w.plan(r.at, scales, int32(r.nodes), 0)
	}
}

func (w *world) fault(e event) {
	switch e.kind {
	case dies:
		w.die()
	case moves:
		w.move(e.a)
	case returns:
		w.comeBack(e.a)
	case scales:
		w.scale(int(e.a))
	case crashes:
		w.crash()
	case recovers:
		w.join(e.a)
	}
}

// die takes a dispatcher with everything that it knew.
func (w *world) die() {
	if w.now >= w.to {
		return
	}
	w.plan(w.now+w.faults.deaths, dies, 0, 0)
	o := int32(w.chance.IntN(len(w.dispatchers)))
	d := &w.dispatchers[o]
	if !d.alive {
		return
	}
	d.alive = false
	for p := range w.owners {
		if w.owners[p] == o {
			w.evict(int32(p))
			w.owners[p] = -1
		}
	}
	w.plan(w.now+session+takeover, moves, o, 0)
	w.plan(w.now+restart, returns, o, 0)
}

// evict drops what a dispatcher has of a partition.
func (w *world) evict(p int32) {
	d := &w.dispatchers[w.owners[p]]
	w.assign(d, p, false, nil)
	for _, b := range w.ledger.batches {
		if b.free || b.partition != p {
			continue
		}
		if b.queued {
			w.taken(b, drr.Grant{})
		}
		if !d.alive && !b.committed {
			b.imp.felt = true
		}
	}
}

// move gives the partitions that have no owner to living dispatchers.
func (w *world) move(home int32) {
	next := home
	for p := range w.owners {
		if w.owners[p] >= 0 || int32(p%len(w.dispatchers)) != home {
			continue
		}
		for range w.dispatchers {
			if next = (next + 1) % int32(len(w.dispatchers)); w.dispatchers[next].alive {
				w.own(int32(p), next)
				break
			}
		}
	}
}

// comeBack is a restarted dispatcher that gets its partitions back.
func (w *world) comeBack(o int32) {
	w.start(o)
	for p := range w.owners {
		if int32(p%len(w.dispatchers)) != o {
			continue
		}
		if w.owners[p] >= 0 {
			w.evict(int32(p))
		}
		w.own(int32(p), o)
	}
}

// own lets a dispatcher fill its queue from the ledger; what nodes hold is in flight.
func (w *world) own(p, o int32) {
	w.owners[p] = o
	d := &w.dispatchers[o]
	w.assign(d, p, true, w.held(p))
	var staged []*batch
	for _, b := range w.ledger.batches {
		switch {
		case b.free || b.partition != p || b.queued:
		case !b.committed:
			staged = append(staged, b)
		case b.running == 0:
			w.ledger.release(b) // its dispatcher did not hear of its end, and is gone
		}
	}
	slices.SortFunc(staged, func(x, y *batch) int {
		return cmp.Or(x.ref.StagedAt.Compare(y.ref.StagedAt), cmp.Compare(x.imp.no, y.imp.no), cmp.Compare(x.no, y.no))
	})
	for _, b := range staged {
		if b.running == 0 && b.attempts > 0 {
			w.faults.redelivered++
		}
		w.push(b)
	}
	d.schedule.Shuffle()
}

// held are the leases that living nodes have of a partition.
func (w *world) held(p int32) (all []bulk.Lease) {
	for i := range w.seats {
		if s := &w.seats[i]; s.batch != nil && s.batch.partition == p {
			all = append(all, *s.by.Lease)
		}
	}
	return all
}

// scale changes the number of nodes.
func (w *world) scale(n int) {
	for i := range w.nodes {
		switch node := &w.nodes[i]; {
		case i < n && !node.alive:
			w.join(int32(i))
		case i >= n && node.alive:
			w.leave(int32(i))
		}
	}
}

// leave lets a node take no more leases.
func (w *world) leave(i int32) {
	w.nodes[i].alive = false
	for s := range w.slots {
		if w.seats[int(i)*w.slots+s].batch == nil {
			w.free--
			w.open--
		}
	}
}

// crash loses a node with its leases, which nobody knows before they expire.
func (w *world) crash() {
	if w.now >= w.to {
		return
	}
	w.plan(w.now+w.faults.crashes, crashes, 0, 0)
	i := int32(w.chance.IntN(w.scene.nodes))
	if !w.nodes[i].alive {
		return
	}
	w.leave(i)
	for s := range w.slots {
		seat := &w.seats[int(i)*w.slots+s]
		b := seat.batch
		if b == nil {
			continue
		}
		seat.batch = nil
		w.busy--
		w.open--
		b.running--
		b.imp.end(w.now, seat.begun)
		b.imp.lost = true
		w.release(b)
	}
	w.plan(w.now+restart, recovers, i, 0)
}
