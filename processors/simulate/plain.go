package simulate

import (
	"math/rand/v2"
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
	flows   map[*tenant]*flow
	active  []*flow // a ring buffer
	head    int
	flowing int
	sum     int // of the active weights
	turns   int // rounds since the beginning
	rand    *rand.Rand
	spare   []*flow
}

type flow struct {
	tenant  *tenant
	batches []*batch
	head    int
	deficit time.Duration
	open    bool // in its turn
	round   int  // of its latest turn
}

const quantum = 250 * time.Millisecond

func newPlain(w *world, predict prediction, seed uint64) queue {
	return &plain{bare: newBare(w), predict: predict, flows: map[*tenant]*flow{}, rand: rand.New(rand.NewPCG(seed, seed))}
}

func (p *plain) Push(ref bulk.BatchRef) bool {
	b := p.batch(ref)
	t := b.load.tenant
	f := p.flows[t]
	if f == nil {
		f = p.flow(t)
		p.flows[t] = f
		p.toBack(f)
		p.sum += t.weight
	}
	f.batches = append(f.batches, b)
	p.count++
	return true
}

func (p *plain) flow(t *tenant) *flow {
	last := len(p.spare) - 1
	if last < 0 {
		return &flow{tenant: t}
	}
	f := p.spare[last]
	p.spare = p.spare[:last]
	*f = flow{tenant: t, batches: f.batches[:0]}
	return f
}

func (p *plain) PopFor(drr.Lane) (drr.Grant, bool) {
	for p.flowing > 0 {
		f := p.active[p.head]
		if !f.open {
			f.open = true
			if f.round == p.turns {
				p.turns++
			}
			f.round = p.turns
			f.deficit += quantum * time.Duration(f.tenant.weight)
		}
		b := f.batches[f.head]
		cost := min(max(p.predict(b.ref), time.Microsecond), quantum)
		if cost > f.deficit {
			f.open = false
			p.shift()
			p.toBack(f)
			continue
		}
		p.count--
		f.deficit -= cost
		f.take()
		if len(f.batches) == f.head {
			p.shift()
			p.drop(f)
		}
		return drr.Grant{Ref: b.ref, Cost: cost}, true
	}
	return drr.Grant{}, false
}

func (f *flow) take() {
	f.batches[f.head] = nil
	f.head++
	if f.head > 16 && f.head > len(f.batches)/2 {
		f.batches = append(f.batches[:0], f.batches[f.head:]...)
		f.head = 0
	}
}

// drop forgets an empty flow with its deficit.
func (p *plain) drop(f *flow) {
	p.sum -= f.tenant.weight
	delete(p.flows, f.tenant)
	p.spare = append(p.spare, f)
}

func (p *plain) Demand() drr.Demand { return drr.Demand{Round: p.sum} }
func (p *plain) Weight() int        { return p.sum }
func (p *plain) rounds() float64    { return float64(p.turns) }

func (p *plain) Shuffle() {
	all := p.ordered()
	p.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	p.reorder(all)
}

func (p *plain) Evict(gone func(bulk.AccountID) bool) []bulk.BatchID {
	var kept []*flow
	for _, f := range p.ordered() {
		batches := f.batches[:0]
		for _, b := range f.batches[f.head:] {
			if gone(b.ref.Account) {
				p.count--
			} else {
				batches = append(batches, b)
			}
		}
		if f.batches, f.head = batches, 0; len(batches) == 0 {
			p.drop(f)
		} else {
			kept = append(kept, f)
		}
	}
	p.reorder(kept)
	return nil
}

func (p *plain) ordered() []*flow {
	all := make([]*flow, p.flowing)
	for i := range all {
		all[i] = p.active[(p.head+i)%len(p.active)]
	}
	return all
}

func (p *plain) reorder(flows []*flow) {
	p.head, p.flowing = 0, 0
	for _, f := range flows {
		p.toBack(f)
	}
}

func (p *plain) shift() {
	p.active[p.head] = nil
	p.head = (p.head + 1) % len(p.active)
	p.flowing--
}

func (p *plain) toBack(f *flow) {
	if p.flowing == len(p.active) {
		all := p.ordered()
		p.active = make([]*flow, max(16, 2*p.flowing))
		copy(p.active, all)
		p.head = 0
	}
	p.active[(p.head+p.flowing)%len(p.active)] = f
	p.flowing++
}
