package simulate

import (
	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// fifo serves what came first, file by file.
type fifo struct {
	bare
	batches  []*batch
	head     int
	accounts map[*account]int // with waiting batches
	predict  prediction
	turns    float64 // what was served, in quanta for each account that waited
}

func newFIFO(w *world, predict prediction, _ uint64) queue {
	return &fifo{bare: newBare(w), accounts: map[*account]int{}, predict: predict}
}

// fileBatches is the length of one file of an account that never runs out: its
// batches stand in a row, and the next file stands behind all others.
const fileBatches = 2000

func (f *fifo) Push(ref bulk.BatchRef) bool {
	b := f.batch(ref)
	i := b.imp
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
	f.accounts[i.account]++
	f.count++
	return true
}

func (f *fifo) PopFor(drr.Ask) (drr.Grant, bool) {
	if f.head == len(f.batches) {
		return drr.Grant{}, false
	}
	b := f.batches[f.head]
	f.batches[f.head] = nil
	f.head++
	f.left(b)
	g := drr.Grant{Ref: b.ref, Cost: f.predict(b.ref)}
	f.turns += ratio(g.Cost, quantum) / float64(len(f.accounts)+1)
	return g, true
}

func (f *fifo) left(b *batch) {
	f.count--
	if f.accounts[b.imp.account]--; f.accounts[b.imp.account] == 0 {
		delete(f.accounts, b.imp.account)
	}
}

func (f *fifo) Demand() drr.Demand { return drr.Demand{Round: drr.Hundredths(len(f.accounts))} }
func (f *fifo) Weight() int        { return len(f.accounts) }
func (f *fifo) rounds() float64    { return f.turns }
func (f *fifo) Shuffle()           {}

func (f *fifo) Evict(gone func(bulk.AccountID) bool) []bulk.BatchID {
	kept := f.batches[:0]
	for _, b := range f.batches[f.head:] {
		if gone(b.ref.Account) {
			f.left(b)
		} else {
			kept = append(kept, b)
		}
	}
	f.batches, f.head = kept, 0
	return nil
}
