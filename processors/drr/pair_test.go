package drr

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// FuzzTwin plays the same operations to both: every decision, charge, virtual time and
// demand must be the same.
func FuzzTwin(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x10\x10\x20\x30\x41\x52\x63\x74\x85"))
	f.Add([]byte("\x00\x08\x10\x18\x20\x02\x02\x02\x04\x0c\x01\x09\x02\x14\x02\x1c\x02\x02\x02"))
	f.Add([]byte("\x00\x00\x00\x08\x08\x08\x0f\x17\x02\x02\x05\x05\x02\x04\x1f\x00\x02\x27\x02\x02"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		p := newPair(t)
		for i, op := range ops {
			p.step(i, op)
			p.compare(i)
		}
		for range 100 + len(ops) {
			p.pop(len(ops))
		}
	})
}

// TestTwinAgrees is the fuzz test's property over long random runs.
func TestTwinAgrees(t *testing.T) {
	for seed := range int64(30) {
		p := newPair(t)
		x := uint64(seed)*2654435761 + 1
		for i := range 2000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			p.step(i, byte(x>>32))
			p.compare(i)
		}
	}
}

type pair struct {
	*testing.T
	q      *Queue
	w      *twin
	no     int64
	flying []bulk.BatchRef
	at     time.Time
}

func newPair(t *testing.T) *pair {
	cfg := Config{Quantum: 40 * ms, Allowance: 2, Cost: func(r bulk.BatchRef) time.Duration { return time.Duration(r.Rows) * ms }}
	return &pair{T: t, q: New(cfg), w: &twin{cfg: cfg, accounts: map[bulk.AccountID]*twinAccount{}}, at: time.Unix(1_700_000_000, 0)}
}

func (p *pair) step(i int, op byte) {
	arg := int(op >> 3)
	acc := bulk.AccountID(fmt.Sprint(arg % 4))
	imp := bulk.ImportID(fmt.Sprint(acc, "/", arg%12))
	switch op & 7 {
	case 0, 1:
		ref := p.ref(arg, acc, imp)
		p.q.Push(ref)
		p.w.push(ref)
	case 2, 3, 6:
		p.pop(i)
	case 4:
		if n := len(p.flying); n > 0 {
			ref, more := p.flying[arg%n], time.Duration(arg-8)*3*ms
			p.flying = slices.Delete(p.flying, arg%n, arg%n+1)
			p.q.Charge(ref, more)
			p.q.Finish(ref.ID())
			p.w.finish(ref, more)
		}
	case 5:
		p.hold(acc, imp, arg%2 == 0)
	case 7:
		p.other(arg, acc, imp)
	}
}

func (p *pair) ref(arg int, acc bulk.AccountID, imp bulk.ImportID) bulk.BatchRef {
	p.no++
	p.at = p.at.Add(time.Duration(arg%3) * time.Second)
	return bulk.BatchRef{
		Account: acc, Import: imp, No: p.no, Rows: int64(1 + arg), StagedAt: p.at,
		Priority: []bulk.Priority{bulk.PriorityHigh, bulk.PriorityNormal, bulk.PriorityLow}[arg%12/4],
	}
}

func (p *pair) hold(acc bulk.AccountID, imp bulk.ImportID, on bool) {
	if on {
		p.q.Pause(imp)
	} else {
		p.q.Unpause(imp)
	}
	p.w.steerImport(acc, imp, func(a *twinAccount, i *twinImport) {
		if i.paused != on {
			p.w.act(a, func() { i.paused = on })
		}
	})
}

func (p *pair) other(arg int, acc bulk.AccountID, imp bulk.ImportID) {
	switch arg % 7 {
	case 0:
		p.q.SetWeight(acc, arg)
		p.w.steer(acc, func(a *twinAccount) { p.w.setWeight(a, min(max(arg, 1), bulk.MaxWeight)) })
	case 1:
		p.q.SetCap(acc, arg/7-1)
		p.w.steer(acc, func(a *twinAccount) {
			if a.cap != arg/7-1 {
				p.w.act(a, func() { a.cap = arg/7 - 1 })
			}
		})
	case 2:
		p.q.Drop(imp)
		p.w.steerImport(acc, imp, func(a *twinAccount, i *twinImport) { p.w.act(a, func() { i.waiting = nil }) })
	case 3:
		p.q.Shuffle()
		p.w.newFlows, p.w.oldFlows = p.as(&p.q.newFlows), p.as(&p.q.oldFlows)
	case 4:
		ref := p.ref(arg, acc, imp)
		p.q.Adopt(ref)
		p.w.adopt(ref)
		p.flying = append(p.flying, ref)
	case 5:
		gone := p.q.Evict(func(id bulk.AccountID) bool { return id == acc })
		p.w.steer(acc, p.w.forget)
		p.flying = slices.DeleteFunc(p.flying, func(r bulk.BatchRef) bool { return slices.Contains(gone, r.ID()) })
	case 6:
		p.q.Heard(0, true)
		p.w.idle()
	}
}

// as copies the order of a list.
func (p *pair) as(r *list) (out []*twinAccount) {
	for a := r.head; a != nil; a = a.next {
		out = append(out, p.w.accounts[a.id])
	}
	return out
}

func (p *pair) pop(i int) {
	g, ok := p.q.Pop()
	ref, cost, also := p.w.pop()
	if ok != also || g.Ref != ref || g.Cost != cost {
		p.Fatalf("step %d: decided %s %v at %v, the twin %s %v at %v", i, g.Ref.ID(), ok, g.Cost, ref.ID(), also, cost)
	}
	if ok {
		p.flying = append(p.flying, ref)
	}
}

func (p *pair) compare(i int) {
	if len(p.q.accounts) != len(p.w.accounts) {
		p.Fatalf("step %d: remembers %d accounts, the twin %d", i, len(p.q.accounts), len(p.w.accounts))
	}
	if !slices.Equal(p.as(&p.q.newFlows), p.w.newFlows) || !slices.Equal(p.as(&p.q.oldFlows), p.w.oldFlows) || !slices.Equal(p.as(&p.q.away), p.w.away) {
		p.Fatalf("step %d: the lists differ", i)
	}
	want := p.w.sum
	attained := Virtual(0)
	for id, a := range p.w.accounts {
		b := p.q.accounts[id]
		if b == nil || a.attained != b.attained || a.newcomer() != b.newcomer() || a.ready() != b.waiting || a.flying() != b.inFlight {
			p.Fatalf("step %d: account %s is %+v, the twin's %+v", i, id, b, a)
		}
		attained += a.counted
	}
	if off := attained - p.q.sum.attained; off > 1e-9 || off < -1e-9 {
		p.Fatalf("step %d: virtual times add up to %v, not %v", i, attained, p.q.sum.attained)
	}
	want.InFlight = len(p.flying)
	if p.q.Virtual() != p.w.virtual() {
		p.Fatalf("step %d: virtual time %v, the twin's %v", i, p.q.Virtual(), p.w.virtual())
	}
	if got := p.q.Demand(); got != want {
		p.Fatalf("step %d: demand %+v, the twin's %+v", i, got, want)
	}
}
