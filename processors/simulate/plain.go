package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// plain is deficit round-robin as Shreedhar and Varghese wrote it down: one list,
// a quantum a turn, no overdraft, no allowance for newcomers, no correction by
// what a batch really took, and inside an account first come, first served.
type plain struct {
	bare
	predict prediction
	flows   map[*account]*flow
	active  []*flow // in the order of their turns
	sum     int     // of the active weights
	turns   int     // rounds since the beginning
	rand    *rand.Rand
}

type flow struct {
	account *account
	batches []*batch
	deficit time.Duration
	open    bool // in its turn
	round   int  // of its latest turn
}

const quantum = 250 * time.Millisecond

func newPlain(w *world, predict prediction, seed uint64) queue {
	return &plain{bare: newBare(w), predict: predict, flows: map[*account]*flow{}, rand: rand.New(rand.NewPCG(seed, seed))}
}

func (p *plain) Push(ref bulk.BatchRef) bool {
	b := p.batch(ref)
	t := b.imp.account
	f := p.flows[t]
	if f == nil {
		f = &flow{account: t}
		p.flows[t] = f
		p.active = append(p.active, f)
		p.sum += t.weight
	}
	f.batches = append(f.batches, b)
	p.count++
	return true
}

func (p *plain) PopFor(drr.Ask) (drr.Grant, bool) {
	for len(p.active) > 0 {
		f := p.active[0]
		if !f.open {
			f.open = true
			if f.round == p.turns {
				p.turns++
			}
			f.round = p.turns
			f.deficit += quantum * time.Duration(f.account.weight)
		}
		b := f.batches[0]
		cost := min(max(p.predict(b.ref), time.Microsecond), quantum)
		if cost > f.deficit {
			f.open = false
			p.active = append(p.active[1:], f)
			continue
		}
		p.count--
		f.deficit -= cost
		if f.batches = f.batches[1:]; len(f.batches) == 0 {
			p.active = p.active[1:]
			p.drop(f)
		}
		return drr.Grant{Ref: b.ref, Cost: cost}, true
	}
	return drr.Grant{}, false
}

// drop forgets an empty flow with its deficit.
func (p *plain) drop(f *flow) {
	p.sum -= f.account.weight
	delete(p.flows, f.account)
}

func (p *plain) Demand() drr.Demand { return drr.Demand{Round: drr.Hundredths(p.sum)} }
func (p *plain) Weight() int        { return p.sum }
func (p *plain) rounds() float64    { return float64(p.turns) }

func (p *plain) Shuffle() {
	p.rand.Shuffle(len(p.active), func(i, j int) { p.active[i], p.active[j] = p.active[j], p.active[i] })
}

func (p *plain) Evict(gone func(bulk.AccountID) bool) []bulk.BatchID {
	p.active = slices.DeleteFunc(p.active, func(f *flow) bool {
		kept := slices.DeleteFunc(f.batches, func(b *batch) bool { return gone(b.ref.Account) })
		p.count -= len(f.batches) - len(kept)
		if f.batches = kept; len(kept) == 0 {
			p.drop(f)
		}
		return len(kept) == 0
	})
	return nil
}
