package simulate

import (
	"time"

	"bulkhead/processors/drr"
)

// fifo serves what came first, file by file.
type fifo struct {
	batches  []*batch
	head     int
	accounts map[*tenant]int // with waiting batches
	cost     func(*batch) time.Duration
	turns    float64 // what was served, in quanta for each account that waited
}

func newFIFO(w *world, d *dispatcher, _ uint64) queue {
	return &fifo{accounts: map[*tenant]int{}, cost: func(b *batch) time.Duration { return w.predict(d, b) }}
}

// fileBatches is the length of one file of an account that never runs out: its
// batches stand in a row, and the next file stands behind all others.
const fileBatches = 2000

func (f *fifo) push(b *batch) {
	i := b.load
	switch {
	case i.files == 0 || b.attempts > 0:
		f.batches = append(f.batches, b)
	case i.file > 0 && f.head > 0: // the one before it was just taken
		i.file--
		f.head--
		f.batches[f.head] = b
	default:
		i.file = fileBatches - 1
		f.batches = append(f.batches, b)
	}
	f.accounts[i.tenant]++
}

func (f *fifo) pop(drr.Want) *batch {
	if f.head == len(f.batches) {
		return nil
	}
	b := f.batches[f.head]
	f.batches[f.head] = nil
	f.head++
	if f.head > 1<<16 && f.head > len(f.batches)/2 {
		f.batches = append(f.batches[:0], f.batches[f.head:]...)
		f.head = 0
	}
	f.left(b)
	b.cost = f.cost(b)
	f.turns += ratio(b.cost, quantum) / float64(len(f.accounts)+1)
	return b
}

func (f *fifo) left(b *batch) {
	if f.accounts[b.load.tenant]--; f.accounts[b.load.tenant] == 0 {
		delete(f.accounts, b.load.tenant)
	}
}

func (f *fifo) resume(*batch)                {}
func (f *fifo) finish(*batch, time.Duration) {}
func (f *fifo) demand() drr.Demand           { return drr.Demand{Round: len(f.accounts)} }
func (f *fifo) rounds() float64              { return f.turns }
func (f *fifo) shuffle()                     {}

func (f *fifo) evict(partition int32) {
	kept := f.batches[:0]
	for _, b := range f.batches[f.head:] {
		if b.partition == partition {
			f.left(b)
		} else {
			kept = append(kept, b)
		}
	}
	f.batches, f.head = kept, 0
}
