package simulate

import (
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// dispatcher owns accounts, and leases their batches to the seats that ask: what it
// decides, the scheduler decides that runs in production.
type dispatcher struct {
	alive    bool
	schedule *schedule.Scheduler
	queue    recorded // its discipline
	assigned []int32
	lives    uint64 // starts so far
	told     bool   // that it has work is on its way to the nodes
}

// start gives a dispatcher a scheduler that knows nothing.
func (w *world) start(o int32) {
	d := &w.dispatchers[o]
	d.alive, d.assigned = true, nil
	d.lives++
	c := schedule.Config{
		Discipline: func(predict func(bulk.BatchRef) time.Duration) schedule.Discipline {
			d.queue = recorded{
				queue:  w.design.queue(w, predict, mix(w.seed+uint64(o))),
				pushed: func(ref bulk.BatchRef) { w.queued(w.ledger.batches[ref.No]) },
			}
			return &d.queue
		},
		FirstLease:  uint64(o)<<48 | d.lives<<40,
		NoCopies:    !w.design.copies || w.uncopied,
		PartitionOf: func(id bulk.AccountID) int32 { return w.partitions[id] },
		Observer:    observer{w, o},
	}
	if w.blind {
		c.Cost = func(ref bulk.BatchRef) time.Duration { return time.Duration(ref.Rows) * perRow }
	}
	d.schedule = schedule.New(c)
}

// assign gives a dispatcher a partition, or takes it away; held is what nodes have of it.
func (w *world) assign(d *dispatcher, p int32, owned bool, held []bulk.Lease) {
	d.assigned = slices.DeleteFunc(d.assigned, func(o int32) bool { return o == p })
	if owned {
		d.assigned = append(d.assigned, p)
	}
	d.schedule.Assign(w.clock(), d.assigned, held)
}

func (d *dispatcher) demand() (due drr.Demand) {
	if d.alive {
		due = d.schedule.Demand()
	}
	return due
}

// hear tells a dispatcher what a node knows.
func (d *dispatcher) hear(n *node) {
	if d.alive {
		d.schedule.Heard(n.view.Mean(), len(n.idle) > 0)
	}
}

// lease gives a seat of a node what is due at a dispatcher, or nil.
func (w *world) lease(o, at int32, ask drr.Ask) (b *batch, a schedule.Answer) {
	d := &w.dispatchers[o]
	if !d.alive {
		return nil, a
	}
	w.copied = false
	a, ok := d.schedule.Next(w.clock(), w.nodes[at].id, ask)
	if !ok {
		return nil, schedule.Answer{Due: d.demand()}
	}
	b = w.ledger.batches[a.Lease.Ref.No]
	if w.copied {
		w.found.copies++
	} else {
		w.granted(o, b)
	}
	a.Due = d.demand()
	return b, a
}

// granted notes that a batch left the queue of a dispatcher.
func (w *world) granted(o int32, b *batch) {
	d := &w.dispatchers[o]
	if d.queue.Waiting() > 0 { // nodes ask all the time whether there is more
		w.announce(o)
	}
	w.taken(b, d.queue.latest)
	if b.attempts == 0 && b.imp.files > 0 && !w.draining {
		next := w.ledger.stage(b.imp, w.now)
		next.partition = b.partition
		w.push(next)
	}
}

// observer is told what a scheduler decided.
type observer struct {
	*world
	dispatcher int32
}

func (o observer) Due()    { o.announce(o.dispatcher) }
func (o observer) Copied() { o.copied = true }

// Expired notes that a batch of a lost node waits again.
func (o observer) Expired(bulk.Lease) { o.faults.redelivered++ }

func (observer) Ended(bulk.Offset)                       {}
func (observer) Began(took, median, upper time.Duration) {}
func (observer) Leased(time.Duration, int64)             {}
func (observer) Delayed(bulk.BatchRef, int, time.Time)   {}
