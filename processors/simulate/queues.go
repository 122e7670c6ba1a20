package simulate

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// queue orders what waits at a dispatcher.
type queue interface {
	schedule.Discipline
	rounds() float64 // of all accounts with work, since the beginning
}

// recorded remembers the latest grant of a queue, and tells what waits in it.
type recorded struct {
	queue
	latest drr.Grant
	pushed func(bulk.BatchRef)
}

func (r *recorded) Push(ref bulk.BatchRef) bool {
	ok := r.queue.Push(ref)
	if ok {
		r.pushed(ref)
	}
	return ok
}

func (r *recorded) PopFor(ask drr.Ask) (g drr.Grant, ok bool) {
	g, ok = r.queue.PopFor(ask)
	r.latest = g
	return g, ok
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
	// view is what its nodes know of dispatchers. nil: as in production.
	view  func() view
	queue func(w *world, predict prediction, seed uint64) queue
}

func (d Design) newView() view {
	if d.view == nil {
		return schedule.NewNode[int32]()
	}
	return d.view()
}

// prediction is the slot time that the scheduler expects a batch to take.
type prediction = func(bulk.BatchRef) time.Duration

// Designs are compared in every experiment; the first is the one that runs in production.
var Designs = []Design{
	{Name: "bulkhead", Title: "Bulkhead", copies: true, queue: newOurs},
	{Name: "clamped", Title: "clamped DRR", copies: true, view: newStrides, queue: newClamped},
	{Name: "drr", Title: "plain DRR", view: newStrides, queue: newPlain},
	{Name: "nodes", Title: "round-robin at nodes", local: true, queue: newPlain},
	{Name: "fifo", Title: "FIFO", central: true, view: newStrides, queue: newFIFO},
}

// ours is the queue that runs in production.
type ours struct{ *drr.Queue }

func newOurs(_ *world, predict prediction, seed uint64) queue {
	return ours{drr.New(drr.Config{Seed: seed, Cost: predict})}
}

func (o ours) rounds() float64 { return float64(o.Rounds()) }

// bare is what the other designs are made of: the batches that wait are theirs, and what
// people may change meanwhile they know nothing of.
type bare struct {
	*drr.Queue // empty
	w          *world
	count      int
}

func newBare(w *world) bare { return bare{Queue: drr.New(drr.Config{}), w: w} }

func (q *bare) batch(ref bulk.BatchRef) *batch { return q.w.ledger.batches[ref.No] }

func (q *bare) Adopt(bulk.BatchRef) bool            { return true }
func (q *bare) Charge(bulk.BatchRef, time.Duration) {}
func (q *bare) Finish(bulk.BatchID) bool            { return true }
func (q *bare) Heard(drr.Virtual, bool)             {}
func (q *bare) Waiting() int                        { return q.count }
