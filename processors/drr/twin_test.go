package drr

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// twin is the algorithm again, slow and obvious: plain slices that are searched from
// end to end, sums that are added up each time. It must decide as [Queue] does.
type twin struct {
	cfg                Config
	accounts           map[bulk.AccountID]*twinAccount
	newFlows, oldFlows []*twinAccount
	burst              int
	mean               float64
	learnt             int
	seq                int
}

type twinAccount struct {
	id              bulk.AccountID
	weight, cap     int
	deficit, spent  time.Duration
	ahead           time.Duration // it may run ahead of the round
	open            bool
	newcomer, passe bool // passe: it has had a turn since it came
	imports         []*twinImport
	credit, picks   [classes]int
}

type twinImport struct {
	id      bulk.ImportID
	class   int
	seq     int
	paused  bool
	waiting []bulk.BatchRef
	flying  map[bulk.BatchID]time.Duration // what was charged
}

func (i *twinImport) due() bool { return !i.paused && len(i.waiting) > 0 }

func (i *twinImport) rows() (sum int64) {
	for _, r := range i.waiting {
		sum += r.Rows
	}
	return sum
}

func (a *twinAccount) ready() (n int) {
	for _, i := range a.imports {
		if i.due() {
			n += len(i.waiting)
		}
	}
	return n
}

func (a *twinAccount) flying() (n int) {
	for _, i := range a.imports {
		n += len(i.flying)
	}
	return n
}

func (a *twinAccount) may() bool { return a.ready() > 0 && (a.cap < 0 || a.flying() < a.cap) }

func (w *twin) push(ref bulk.BatchRef) {
	a, i := w.enter(ref)
	i.waiting = append(i.waiting, ref)
	w.changed(a)
}

func (w *twin) resume(ref bulk.BatchRef) {
	a, i := w.enter(ref)
	i.flying[ref.ID()] = w.cost(ref)
	if a.newcomer {
		a.newcomer = false
		w.unlist(a)
	}
	w.changed(a)
}

func (w *twin) cost(ref bulk.BatchRef) time.Duration {
	return min(max(w.cfg.Cost(ref), time.Microsecond), w.cfg.Quantum)
}

func (w *twin) enter(ref bulk.BatchRef) (*twinAccount, *twinImport) {
	a := w.accounts[ref.Account]
	if a == nil {
		a = &twinAccount{id: ref.Account, weight: 1, cap: NoCap, newcomer: true}
		w.accounts[ref.Account] = a
	}
	at := slices.IndexFunc(a.imports, func(i *twinImport) bool { return i.id == ref.Import })
	if at < 0 {
		w.seq++
		class := map[bulk.Priority]int{bulk.PriorityHigh: high, bulk.PriorityLow: low, bulk.PriorityNormal: normal}[ref.Priority]
		a.imports = append(a.imports, &twinImport{id: ref.Import, class: class, seq: w.seq, flying: map[bulk.BatchID]time.Duration{}})
		at = len(a.imports) - 1
	}
	return a, a.imports[at]
}

// changed puts an account where it belongs after anything happened to it.
func (w *twin) changed(a *twinAccount) {
	a.imports = slices.DeleteFunc(a.imports, func(i *twinImport) bool { return len(i.waiting)+len(i.flying) == 0 })
	for c := range classes {
		if !slices.ContainsFunc(a.imports, func(i *twinImport) bool { return i.class == c && i.due() }) {
			a.credit[c] = 0
		}
	}
	if a.may() && a.newcomer && slices.Contains(w.oldFlows, a) { // it was passing through
		w.unlist(a)
	}
	w.weigh(a)
	listed := slices.Contains(w.newFlows, a) || slices.Contains(w.oldFlows, a)
	switch {
	case a.may() && listed:
	case a.may() && a.newcomer:
		w.newFlows = append(w.newFlows, a)
	case a.may() && a.open:
		w.oldFlows = slices.Insert(w.oldFlows, 0, a)
	case a.may():
		w.oldFlows = append(w.oldFlows, a)
	case a.ready() > 0: // at its cap: out of the lists, all else stays
		w.unlist(a)
	default:
		w.unlist(a)
		w.emptied(a)
	}
}

// weigh says what an account may run ahead of the round, if it is a newcomer.
func (w *twin) weigh(a *twinAccount) {
	a.ahead = max(min(time.Duration(w.cfg.Allowance*a.weight)*w.cfg.Quantum-a.spent, time.Duration(w.mean*float64(a.ready()))), 1)
}

func (w *twin) emptied(a *twinAccount) {
	a.open = false
	a.deficit = min(a.deficit, 0)
	switch {
	case len(a.imports) > 0: // something is in flight or paused
	case a.passe && a.deficit >= 0:
		delete(w.accounts, a.id)
	default:
		w.oldFlows = append(w.oldFlows, a)
	}
}

func (w *twin) unlist(a *twinAccount) {
	is := func(b *twinAccount) bool { return b == a }
	w.newFlows, w.oldFlows = slices.DeleteFunc(w.newFlows, is), slices.DeleteFunc(w.oldFlows, is)
}

func (w *twin) quantum(a *twinAccount) time.Duration {
	least := a.weight
	for _, b := range w.accounts {
		least = min(least, b.weight)
	}
	return w.cfg.Quantum * time.Duration(a.weight) / time.Duration(least)
}

func (w *twin) pop() (bulk.BatchRef, time.Duration, bool) {
	for len(w.newFlows)+len(w.oldFlows) > 0 {
		if due, _ := w.claims(); len(w.newFlows) > 0 && (len(w.oldFlows) == 0 || due > 0 && w.burst > 0) {
			w.burst--
			if due == 0 {
				w.burst = w.cfg.Allowance
			}
			ref, cost := w.newcomer(w.newFlows[0])
			return ref, cost, true
		}
		a := w.oldFlows[0]
		if a.ready() == 0 { // an idle one that passes through
			w.unlist(a)
			if a.deficit += w.quantum(a); a.deficit < 0 {
				w.oldFlows = append(w.oldFlows, a)
			} else {
				delete(w.accounts, a.id)
			}
			continue
		}
		if !a.open {
			a.open, a.passe = true, true
			a.deficit += w.quantum(a)
		}
		if a.deficit <= 0 {
			w.endTurn(a)
			continue
		}
		w.burst = min(w.burst+w.newcomersDue(), w.cfg.Allowance)
		ref, cost := w.take(a)
		if a.deficit -= cost; a.deficit <= 0 {
			w.endTurn(a)
		}
		w.changed(a)
		return ref, cost, true
	}
	return bulk.BatchRef{}, 0, false
}

// claims are what those in the round earn in one, and what newcomers may run ahead of it.
func (w *twin) claims() (due, ahead time.Duration) {
	for _, a := range w.accounts {
		switch {
		case !a.may():
		case a.newcomer:
			ahead += a.ahead
		default:
			due += time.Duration(a.weight) * w.cfg.Quantum
		}
	}
	return due, ahead
}

func (w *twin) newcomersDue() int {
	due, ahead := w.claims()
	limit := 1
	for due > 0 && limit < w.cfg.Allowance && ahead >= time.Duration(limit+1)*due {
		limit++
	}
	return limit
}

func (w *twin) demand() Demand {
	due, ahead := w.claims()
	d := Demand{int(100 * float64(due) / w.mean), int(100 * float64(ahead) / w.mean)}
	if ahead > 0 {
		d.Ahead = max(d.Ahead, 1)
	}
	return d
}

func (w *twin) endTurn(a *twinAccount) {
	a.open = false
	w.unlist(a)
	w.oldFlows = append(w.oldFlows, a)
}

func (w *twin) newcomer(a *twinAccount) (bulk.BatchRef, time.Duration) {
	ref, cost := w.take(a)
	a.spent += cost
	if over := a.spent - time.Duration(w.cfg.Allowance)*w.quantum(a); over >= 0 {
		a.newcomer = false
		a.deficit -= over
		w.unlist(a)
		w.oldFlows = append(w.oldFlows, a)
	}
	w.changed(a)
	return ref, cost
}

// take picks by class, then by work or age.
func (w *twin) take(a *twinAccount) (bulk.BatchRef, time.Duration) {
	class, total := -1, 0
	for c := range classes {
		if slices.ContainsFunc(a.imports, func(i *twinImport) bool { return i.class == c && i.due() }) {
			a.credit[c] += credits[c]
			total += credits[c]
			if class < 0 || a.credit[c] > a.credit[class] {
				class = c
			}
		}
	}
	a.credit[class] -= total
	a.picks[class]++
	due := slices.DeleteFunc(slices.Clone(a.imports), func(i *twinImport) bool { return i.class != class || !i.due() })
	best := slices.MinFunc(due, func(x, y *twinImport) int {
		if a.picks[class]%4 == 0 {
			return cmp.Or(x.waiting[0].StagedAt.Compare(y.waiting[0].StagedAt), cmp.Compare(x.seq, y.seq))
		}
		return cmp.Or(cmp.Compare(x.rows(), y.rows()), cmp.Compare(x.seq, y.seq))
	})
	ref := best.waiting[0]
	best.waiting = best.waiting[1:]
	best.flying[ref.ID()] = w.cost(ref)
	return ref, w.cost(ref)
}

func (w *twin) finish(id bulk.BatchID, took time.Duration) {
	for _, a := range w.accounts {
		for _, i := range a.imports {
			if cost, ok := i.flying[id]; ok {
				delete(i.flying, id)
				w.learnt++
				w.mean += max(0.02, 4/float64(w.learnt+3)) * (float64(min(max(took, time.Millisecond), 4*w.cfg.Quantum)) - w.mean)
				limit := 2 * w.quantum(a)
				a.deficit = min(max(a.deficit-(took-cost), -limit), limit)
				w.changed(a)
				return
			}
		}
	}
}

// steer changes an account that is known.
func (w *twin) steer(id bulk.AccountID, do func(*twinAccount) (changed bool)) {
	if a := w.accounts[id]; a != nil && do(a) {
		w.changed(a)
	}
}

// steerImport changes an import that is known.
func (w *twin) steerImport(id bulk.AccountID, imp bulk.ImportID, do func(*twinImport) (changed bool)) {
	w.steer(id, func(a *twinAccount) bool {
		at := slices.IndexFunc(a.imports, func(i *twinImport) bool { return i.id == imp })
		return at >= 0 && do(a.imports[at])
	})
}

func (w *twin) evict(id bulk.AccountID) {
	if a := w.accounts[id]; a != nil {
		w.unlist(a)
		delete(w.accounts, id)
	}
}

// FuzzTwin plays the same operations to both: every decision, charge, deficit and
// weight must be the same.
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
	flying []bulk.BatchID
	at     time.Time
}

func newPair(t *testing.T) *pair {
	cfg := Config{Quantum: 40 * ms, Allowance: 2, Cost: func(r bulk.BatchRef) time.Duration { return time.Duration(r.Rows) * ms }}
	return &pair{T: t, q: New(cfg), w: &twin{cfg: cfg, burst: cfg.Allowance, mean: float64(cfg.Quantum), accounts: map[bulk.AccountID]*twinAccount{}}, at: time.Unix(1_700_000_000, 0)}
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
			id, took := p.flying[arg%n], time.Duration(arg)*3*ms
			p.flying = slices.Delete(p.flying, arg%n, arg%n+1)
			p.q.Finish(id, took)
			p.w.finish(id, took)
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
	p.w.steerImport(acc, imp, func(i *twinImport) bool {
		was := i.paused
		i.paused = on
		return was != on
	})
}

func (p *pair) other(arg int, acc bulk.AccountID, imp bulk.ImportID) {
	switch arg % 6 {
	case 0:
		p.q.SetWeight(acc, arg)
		if a := p.w.accounts[acc]; a != nil {
			a.weight = min(max(arg, 1), bulk.MaxWeight)
			p.w.weigh(a)
		}
	case 1:
		p.q.SetCap(acc, arg/5-1)
		p.w.steer(acc, func(a *twinAccount) bool {
			was := a.cap
			a.cap = arg/5 - 1
			return was != a.cap
		})
	case 2:
		p.q.Drop(imp)
		p.w.steerImport(acc, imp, func(i *twinImport) bool {
			i.waiting = nil
			return true
		})
	case 3:
		p.q.Shuffle()
		p.w.newFlows, p.w.oldFlows = p.as(&p.q.newFlows), p.as(&p.q.oldFlows)
	case 4:
		ref := p.ref(arg, acc, imp)
		p.q.Adopt(ref)
		p.w.resume(ref)
		p.flying = append(p.flying, ref.ID())
	case 5:
		gone := p.q.Evict(func(id bulk.AccountID) bool { return id == acc })
		p.w.evict(acc)
		p.flying = slices.DeleteFunc(p.flying, func(id bulk.BatchID) bool { return slices.Contains(gone, id) })
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
		p.flying = append(p.flying, ref.ID())
	}
}

func (p *pair) compare(i int) {
	if len(p.q.accounts) != len(p.w.accounts) {
		p.Fatalf("step %d: remembers %d accounts, the twin %d", i, len(p.q.accounts), len(p.w.accounts))
	}
	if !slices.Equal(p.as(&p.q.newFlows), p.w.newFlows) || !slices.Equal(p.as(&p.q.oldFlows), p.w.oldFlows) {
		p.Fatalf("step %d: the rounds differ", i)
	}
	weight := 0
	for id, a := range p.w.accounts {
		b := p.q.accounts[id]
		if b == nil || a.deficit != b.deficit || a.newcomer != b.newcomer || a.ready() != b.ready || a.flying() != b.inFlight {
			p.Fatalf("step %d: account %s is %+v, the twin's %+v", i, id, b, a)
		}
		if a.may() {
			weight += a.weight
		}
	}
	if got := p.q.Weight(); got != weight {
		p.Fatalf("step %d: weight %d, the twin's %d", i, got, weight)
	}
	if got, want := p.q.Demand(), p.w.demand(); got != want {
		p.Fatalf("step %d: demand %+v, the twin's %+v", i, got, want)
	}
}
