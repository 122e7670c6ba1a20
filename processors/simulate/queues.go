package simulate

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// queue decides which batch is next. A batch that pop returned is in flight until
// finish; evict forgets a partition, with what is in flight.
type queue interface {
	push(b *batch)
	resume(b *batch) // it is in flight already: another dispatcher granted it
	pop(want drr.Want) *batch
	finish(b *batch, took time.Duration)
	evict(partition int32)
	demand() drr.Demand
	rounds() float64 // of all accounts with work, since the beginning
	shuffle()
}

// Design is a way to decide what runs next.
type Design struct {
	Name  string // for programs
	Title string // for people
	// local: every node is its own dispatcher and consumes its share of the
	// partitions, over which batches are spread by chance.
	local bool
	// central: one dispatcher has all accounts.
	central bool
	// copies: batches that lag get a second copy.
	copies bool
	queue  func(w *world, d *dispatcher, seed uint64) queue
}

// Designs are compared in every experiment; the first is the one that runs in production.
var Designs = []Design{
	{Name: "bulkhead", Title: "Bulkhead", copies: true, queue: newOurs},
	{Name: "drr", Title: "plain DRR", queue: newPlain},
	{Name: "nodes", Title: "round-robin at nodes", local: true, queue: newPlain},
	{Name: "fifo", Title: "FIFO", central: true, queue: newFIFO},
}

// ours is the production scheduler.
type ours struct {
	*drr.Queue
	w *world
}

func newOurs(w *world, d *dispatcher, seed uint64) queue {
	cost := func(ref bulk.BatchRef) time.Duration { return w.predict(d, w.ledger.batches[ref.No]) }
	return &ours{drr.New(drr.Config{Seed: seed, Cost: cost}), w}
}

func (o *ours) push(b *batch) {
	o.Push(b.ref)
	if n := b.load.weight; n > 1 {
		o.SetWeight(b.ref.Account, n)
	}
}

func (o *ours) pop(want drr.Want) *batch {
	g, ok := o.PopFor(want)
	if !ok {
		return nil
	}
	b := o.w.ledger.batches[g.Ref.No]
	b.cost, b.ahead, b.paid = g.Cost, g.Ahead, g.Paid
	return b
}

func (o *ours) resume(b *batch) { o.Resume(b.ref) }

func (o *ours) finish(b *batch, took time.Duration) { o.Finish(b.ref.ID(), took) }
func (o *ours) rounds() float64                     { return float64(o.Rounds()) }
func (o *ours) demand() drr.Demand                  { return o.Demand() }
func (o *ours) shuffle()                            { o.Shuffle() }

func (o *ours) evict(partition int32) {
	o.Evict(func(id bulk.AccountID) bool { return o.w.partitions[id] == partition })
}
