package drr

import (
	"cmp"
	"math"
	"slices"
	"time"

	"bulkhead/internal/bulk"
)

// twin is the algorithm again, slow and obvious: plain slices that are searched from
// end to end, the least weight looked for each time. It must decide as [Queue] does.
type twin struct {
	cfg                      Config
	accounts                 map[bulk.AccountID]*twinAccount
	newFlows, oldFlows, away []*twinAccount
	round, began             Virtual
	rounds                   int
	spent                    time.Duration // by newcomers ahead of the round
	sum                      Demand
	attained                 Virtual // of those in sum.Round, × weight; in the same order of addition
	seq                      int
}

type twinAccount struct {
	id              bulk.AccountID
	weight, cap     int
	attained, until Virtual
	used            Virtual
	open            bool
	turn            int
	imports         []*twinImport
	credit, picks   [classes]int
	part            Demand
	counted         Virtual
}

type twinImport struct {
	id      bulk.ImportID
	class   int
	seq     int
	paused  bool
	waiting []bulk.BatchRef
	flying  map[bulk.BatchID]bool // whether as a newcomer's
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

func (a *twinAccount) newcomer() bool { return a.attained < a.until-1e-9 }

func (w *twin) virtual() Virtual {
	if w.sum.Round == 0 {
		return w.round
	}
	return w.attained / Virtual(w.sum.Round)
}

func (w *twin) allowance() Virtual {
	return Virtual(w.cfg.Quantum.Seconds() * float64(w.cfg.Allowance))
}

// act does something to an account, and then puts it where it belongs.
func (w *twin) act(a *twinAccount, do func()) {
	before := a.ready()
	do()
	a.imports = slices.DeleteFunc(a.imports, func(i *twinImport) bool { return len(i.waiting)+len(i.flying) == 0 })
	for c := range classes {
		if !slices.ContainsFunc(a.imports, func(i *twinImport) bool { return i.class == c && i.due() }) {
			a.credit[c] = 0
		}
	}
	if before == 0 && a.ready() > 0 { // it comes back
		a.attained = max(a.attained, w.virtual()-w.allowance())
		a.until, a.used = w.virtual(), 0
	}
	w.place(a)
}

func (w *twin) place(a *twinAccount) {
	isNew, isOld := slices.Contains(w.newFlows, a), slices.Contains(w.oldFlows, a)
	ahead := a.newcomer() && (!isOld || a.until-a.attained >= 0.1)
	switch {
	case a.may() && (ahead && isNew || !ahead && isOld):
	case a.may():
		w.unlist(a)
		to := &w.newFlows
		if !ahead {
			to = &w.oldFlows
			a.attained = max(a.attained, w.began)
		}
		at := 0
		if !a.open {
			at, a.turn = len(*to), -1
		}
		*to = slices.Insert(*to, at, a)
	default:
		w.unlist(a)
		if a.ready() == 0 {
			a.open = false
		}
		if len(a.imports) == 0 {
			w.away = append(w.away, a)
		}
	}
	w.weigh(a)
}

func (w *twin) unlist(a *twinAccount) {
	for _, list := range []*[]*twinAccount{&w.newFlows, &w.oldFlows, &w.away} {
		*list = slices.DeleteFunc(*list, func(b *twinAccount) bool { return b == a })
	}
}

// weigh says what an account adds to the demand.
func (w *twin) weigh(a *twinAccount) {
	part, counted := Demand{}, Virtual(0)
	switch {
	case !a.may():
	case slices.Contains(w.newFlows, a):
		left := float64(a.until-a.attained) * float64(a.weight) / w.cfg.Quantum.Seconds()
		part.Fresh, part.Ahead = Hundredths(a.weight), Hundredths(min(a.ready(), max(1, int(math.Ceil(left-1e-6)))))
	case a.attained > w.round+w.allowance():
		part.Owing = 1
	default:
		part.Round, counted = Hundredths(a.weight), a.attained*Virtual(a.weight)
	}
	w.sum.add(a.part, -1)
	w.sum.add(part, 1)
	if w.attained += counted - a.counted; w.sum.Round == 0 {
		w.attained = 0
	}
	a.part, a.counted = part, counted
}

func (w *twin) forget(a *twinAccount) {
	w.unlist(a)
	a.imports = nil
	w.weigh(a)
	delete(w.accounts, a.id)
}

func (w *twin) push(ref bulk.BatchRef) {
	a, i := w.enter(ref)
	w.act(a, func() { i.waiting = append(i.waiting, ref) })
}

func (w *twin) adopt(ref bulk.BatchRef) {
	a, i := w.enter(ref)
	i.flying[ref.ID()] = false
	a.attained = max(a.attained, w.virtual())
	w.place(a)
}

func (w *twin) account(id bulk.AccountID) *twinAccount {
	a := w.accounts[id]
	if a == nil {
		a = &twinAccount{id: id, weight: 1, cap: NoCap, turn: -1, attained: w.virtual() - w.allowance()}
		w.accounts[id] = a
	}
	return a
}

func (w *twin) enter(ref bulk.BatchRef) (*twinAccount, *twinImport) {
	a := w.account(ref.Account)
	at := slices.IndexFunc(a.imports, func(i *twinImport) bool { return i.id == ref.Import })
	if at < 0 {
		w.seq++
		class := map[bulk.Priority]int{bulk.PriorityHigh: high, bulk.PriorityLow: low, bulk.PriorityNormal: normal}[ref.Priority]
		a.imports = append(a.imports, &twinImport{id: ref.Import, class: class, seq: w.seq, flying: map[bulk.BatchID]bool{}})
		at = len(a.imports) - 1
	}
	return a, a.imports[at]
}

func (w *twin) quantum() Virtual {
	least := bulk.MaxWeight
	for _, a := range w.accounts {
		if a.may() {
			least = min(least, a.weight)
		}
	}
	return Virtual(w.cfg.Quantum.Seconds()) / Virtual(least)
}

// burst is what newcomers may have in a row.
func (w *twin) burst() time.Duration {
	return time.Duration(w.cfg.Allowance) * w.cfg.Quantum * time.Duration(max(1, w.sum.Fresh/max(w.sum.Round, 1)))
}

// took lets the gate know of slot time.
func (w *twin) took(ahead bool, cost time.Duration) {
	most := w.burst()
	if w.sum.Round == 0 {
		w.spent = 0
		return
	}
	due := cost * time.Duration(max(1, 5*w.sum.Fresh/w.sum.Round))
	switch {
	case ahead:
		w.spent += cost
	case w.sum.Ahead > 0:
		w.spent = max(w.spent-due, -due)
	default:
		w.spent = max(w.spent-cost, 0)
	}
	w.spent = min(w.spent, 2*most)
}

func (w *twin) pop() (bulk.BatchRef, time.Duration, bool) {
	for len(w.newFlows)+len(w.oldFlows) > 0 {
		open := w.sum.Ahead > 0 && (w.sum.Round == 0 || w.spent < w.burst())
		if len(w.newFlows) > 0 && (len(w.oldFlows) == 0 || open) {
			ref, cost := w.take(w.newFlows[0], true)
			return ref, cost, true
		}
		a := w.oldFlows[0]
		if !a.open {
			if a.turn == w.rounds {
				w.nextRound()
			}
			if a.turn < 0 {
				a.attained = max(a.attained, w.began)
			}
			a.open, a.turn = true, w.rounds
		}
		if a.attained >= w.round-1e-9 {
			w.endTurn(a)
			w.weigh(a)
			continue
		}
		ref, cost := w.take(a, false)
		return ref, cost, true
	}
	return bulk.BatchRef{}, 0, false
}

func (w *twin) nextRound() {
	w.rounds++
	w.began = w.round
	w.round += w.quantum()
	if w.sum.Round == 0 {
		least := slices.MinFunc(w.oldFlows, func(x, y *twinAccount) int { return cmp.Compare(x.attained, y.attained) }).attained
		w.began, w.round = max(w.began, least), max(w.round, least+w.quantum())
	}
}

func (w *twin) endTurn(a *twinAccount) {
	a.open = false
	w.unlist(a)
	w.oldFlows = append(w.oldFlows, a)
}

func (w *twin) charge(a *twinAccount, cost time.Duration) {
	by := Virtual(cost.Seconds()) / Virtual(a.weight)
	a.attained += by
	a.used += by
	if slices.Contains(w.oldFlows, a) && a.open && a.attained >= w.round-1e-9 {
		w.endTurn(a)
	}
}

// take picks by class, then by work or age.
func (w *twin) take(a *twinAccount, ahead bool) (bulk.BatchRef, time.Duration) {
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
	cost := w.cfg.Cost(ref)
	w.took(ahead, cost)
	w.act(a, func() {
		best.waiting = best.waiting[1:]
		best.flying[ref.ID()] = ahead
		w.charge(a, cost)
		if ahead && a.used >= 0.1 {
			a.used = 0
			w.newFlows = append(slices.DeleteFunc(w.newFlows, func(b *twinAccount) bool { return b == a }), a)
		}
	})
	if len(w.away) > 0 {
		if o := w.away[0]; o.attained > w.virtual()-w.allowance() {
			w.away = append(w.away[1:], o)
		} else {
			w.forget(o)
		}
	}
	return ref, cost
}

// finish charges a batch for what it took more than was charged, and takes it out of flight.
func (w *twin) finish(ref bulk.BatchRef, more time.Duration) {
	a := w.account(ref.Account)
	for _, i := range a.imports {
		if i.flying[ref.ID()] && (more < 0 || a.newcomer()) {
			w.took(true, more)
		}
	}
	w.act(a, func() { w.charge(a, more) })
	w.act(a, func() {
		for _, i := range a.imports {
			delete(i.flying, ref.ID())
		}
	})
}

func (w *twin) idle() {
	if !w.sum.Any() {
		for _, a := range w.accounts {
			a.attained = min(a.attained, w.round)
		}
	}
}

func (w *twin) setWeight(a *twinAccount, weight int) {
	if weight == a.weight {
		return
	}
	scale := Virtual(a.weight) / Virtual(weight)
	switch debt := a.attained - w.round; {
	case weight > a.weight:
		a.attained, a.until = w.began+(a.attained-w.began)*scale, w.began+(a.until-w.began)*scale
	case debt > 0:
		a.attained = w.round + debt*scale
	}
	if weight > a.weight && slices.Contains(w.oldFlows, a) && a.attained < w.round-1e-9 {
		a.open, a.turn = true, w.rounds
		w.unlist(a)
		w.oldFlows = slices.Insert(w.oldFlows, 0, a)
	}
	a.weight = weight
	w.place(a)
}

// steer changes an account that is known.
func (w *twin) steer(id bulk.AccountID, do func(*twinAccount)) {
	if a := w.accounts[id]; a != nil {
		do(a)
	}
}

// steerImport changes an import that is known.
func (w *twin) steerImport(id bulk.AccountID, imp bulk.ImportID, do func(*twinAccount, *twinImport)) {
	w.steer(id, func(a *twinAccount) {
		if at := slices.IndexFunc(a.imports, func(i *twinImport) bool { return i.id == imp }); at >= 0 {
			do(a, a.imports[at])
		}
	})
}
