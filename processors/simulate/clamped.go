package simulate

import (
	"math/rand/v2"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// clamped is deficit round-robin over guesses that are not quite trusted: a dispatch
// charges at most a quantum, what a batch really took corrects that by at most two quanta,
// newcomers' runs ahead of the round are counted in dispatches, their allowance is a gift that every
// account has again once it passed through the round, and all imports share a first guess.
// It is fair while batches take less than three quanta and nobody looks for an advantage:
// it is here to show what each of these bounds lets through. Its nodes choose by [strides].
type clamped struct {
	bare
	given              prediction // nil: it learns by itself
	accounts           map[bulk.AccountID]*contender
	flying             map[*batch]time.Duration // what was charged
	more               map[*batch]time.Duration // than that it took
	newFlows, oldFlows []*contender
	weights            [bulk.MaxWeight + 1]int // accounts by weight
	turns              int
	spent              int           // dispatches of newcomers in a row
	due, fresh         int           // weights in the round, of newcomers
	ahead              time.Duration // slot time that newcomers may use ahead of the round
	mean               float64       // slot time of a batch
	learnt             int           // batches in it
	guess              rowCost       // of all imports
	rand               *rand.Rand
}

// contender is an account that has work, or a debt.
type contender struct {
	account        *account
	batches        []*batch
	inFlight       int
	deficit, spent time.Duration
	newcomer       bool
	owesPass       bool // through the round
	open           bool // its turn
	round, paid    int

	due, fresh int // its part of the sums
	ahead      time.Duration
}

const gift = 5 // quanta that a newcomer may use ahead of the round, and dispatches in a row

func newClamped(w *world, predict prediction, seed uint64) queue {
	q := &clamped{
		bare: newBare(w), accounts: map[bulk.AccountID]*contender{}, flying: map[*batch]time.Duration{}, more: map[*batch]time.Duration{},
		mean: float64(quantum), guess: firstRowCost, rand: rand.New(rand.NewPCG(seed, seed)),
	}
	if w.blind {
		q.given = predict
	}
	return q
}

func (q *clamped) enter(b *batch) *contender {
	t := b.imp.account
	a := q.accounts[t.id]
	if a == nil {
		a = &contender{account: t, newcomer: true, owesPass: true}
		q.accounts[t.id] = a
		q.weights[t.weight]++
	}
	return a
}

func (q *clamped) Push(ref bulk.BatchRef) bool {
	b := q.batch(ref)
	a := q.enter(b)
	a.batches = append(a.batches, b)
	q.count++
	q.place(a)
	return true
}

func (q *clamped) Adopt(ref bulk.BatchRef) bool {
	b := q.batch(ref)
	a := q.enter(b)
	a.newcomer = false
	a.inFlight++
	q.flying[b] = q.cost(b)
	q.unlist(a)
	q.place(a)
	return true
}

func (q *clamped) PopFor(ask drr.Ask) (drr.Grant, bool) {
	for {
		var a *contender
		switch n, o := first(q.newFlows), first(q.oldFlows); {
		case ask.Lane == drr.Newcomer:
			a = n
		case ask.Lane == drr.Round && q.due > 0:
			a = o
		case n == nil || o != nil && (q.due == 0 || q.spent >= gift):
			a = o
		default:
			a = n
		}
		if a == nil {
			return drr.Grant{}, false
		}
		if a == first(q.newFlows) || q.turn(a) {
			return q.dispatch(a), true
		}
	}
}

func first(list []*contender) *contender {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// turn opens or goes on with a turn; false: there is nothing to give in it.
func (q *clamped) turn(a *contender) bool {
	if len(a.batches) == 0 { // it passes through the round, as who was a newcomer or is in debt
		if a.deficit += q.quantum(a); a.deficit < 0 {
			q.toBack(a)
		} else {
			q.unlist(a)
			q.dismiss(a)
		}
		return false
	}
	if !a.open {
		a.open, a.owesPass = true, false
		if a.round == q.turns {
			q.turns++
		}
		a.round = q.turns
		a.deficit += q.quantum(a)
	}
	if a.deficit <= 0 {
		a.paid++
		q.toBack(a)
		return false
	}
	return true
}

func (q *clamped) dispatch(a *contender) drr.Grant {
	b := a.batches[0]
	a.batches = a.batches[1:]
	a.inFlight++
	q.count--
	cost := q.cost(b)
	q.flying[b] = cost
	g := drr.Grant{Ref: b.ref, Cost: cost, Ahead: a.newcomer, Paid: a.paid}
	a.paid = 0
	q.spent = gate(q.spent, a.newcomer, drr.Hundredths(q.ahead), drr.Hundredths(q.due)*drr.Hundredths(quantum))
	if a.newcomer {
		a.spent += cost
		if over := a.spent - gift*q.quantum(a); over >= 0 {
			a.newcomer = false
			a.deficit -= over
			q.unlist(a)
			q.oldFlows = append(q.oldFlows, a)
		}
	} else if a.deficit -= cost; a.deficit <= 0 {
		q.toBack(a)
	}
	q.place(a)
	return g
}

// Charge only adds up: a charge is corrected once, at the end.
func (q *clamped) Charge(ref bulk.BatchRef, cost time.Duration) {
	if b := q.batch(ref); q.flying[b] > 0 {
		q.more[b] += cost
	}
}

func (q *clamped) Finish(id bulk.BatchID) bool {
	b := q.w.ledger.batches[id.No]
	cost, known := q.flying[b]
	if !known {
		return false
	}
	took := cost + q.more[b]
	delete(q.flying, b)
	delete(q.more, b)
	q.learn(b, took)
	a := q.accounts[b.ref.Account]
	a.inFlight--
	limit := 2 * q.quantum(a)
	a.deficit = min(max(a.deficit-(took-cost), -limit), limit)
	q.place(a)
	return true
}

// cost is the guess for a batch, by its import or else by all of them.
func (q *clamped) cost(b *batch) time.Duration {
	guess := q.guess
	if b.imp.pace > 0 {
		guess = b.imp.pace
	}
	cost := time.Duration(float64(guess) * float64(b.ref.Rows))
	if q.given != nil {
		cost = q.given(b.ref)
	}
	return min(max(cost, time.Microsecond), quantum)
}

func (q *clamped) learn(b *batch, took time.Duration) {
	if b.imp.pace == 0 {
		b.imp.pace = q.guess
	}
	b.imp.pace = b.imp.pace.add(took, b.ref.Rows)
	q.guess = q.guess.add(took, b.ref.Rows)
	q.learnt++
	q.mean += max(0.02, 4/float64(q.learnt+3)) * (float64(min(max(took, time.Millisecond), 4*quantum)) - q.mean)
}

// rowCost is a moving average of the slot time of a row, in nanoseconds.
type rowCost float64

const firstRowCost rowCost = 20_000

func (c rowCost) add(took time.Duration, rows int64) rowCost {
	got := rowCost(took) / rowCost(max(rows, 1))
	return c + 0.2*(min(max(got, c/4), 4*c)-c)
}

// quantum is the slot time that an account earns a turn.
func (q *clamped) quantum(a *contender) time.Duration {
	least := 1
	for least < a.account.weight && q.weights[least] == 0 {
		least++
	}
	return quantum * time.Duration(a.account.weight) / time.Duration(least)
}

// place puts an account where it belongs after anything happened to it.
func (q *clamped) place(a *contender) {
	q.weigh(a)
	switch {
	case len(a.batches) > 0 && a.newcomer && !slices.Contains(q.newFlows, a):
		q.unlist(a)
		q.newFlows = append(q.newFlows, a)
	case len(a.batches) > 0 && !a.newcomer && !slices.Contains(q.oldFlows, a):
		q.oldFlows = append(q.oldFlows, a)
	case len(a.batches) == 0:
		q.unlist(a)
		a.open, a.deficit = false, min(a.deficit, 0)
		switch {
		case a.inFlight > 0:
		case a.owesPass || a.deficit < 0:
			q.oldFlows = append(q.oldFlows, a)
		default:
			q.dismiss(a)
		}
	}
}

func (q *clamped) toBack(a *contender) {
	a.open = false
	q.unlist(a)
	q.oldFlows = append(q.oldFlows, a)
}

func (q *clamped) unlist(a *contender) {
	is := func(o *contender) bool { return o == a }
	q.newFlows, q.oldFlows = slices.DeleteFunc(q.newFlows, is), slices.DeleteFunc(q.oldFlows, is)
}

func (q *clamped) dismiss(a *contender) {
	q.tally(a, 0, 0, 0)
	q.weights[a.account.weight]--
	delete(q.accounts, a.account.id)
}

// weigh keeps what is due in step with what the account may run.
func (q *clamped) weigh(a *contender) {
	switch w := a.account.weight; {
	case len(a.batches) == 0:
		q.tally(a, 0, 0, 0)
	case a.newcomer:
		left := time.Duration(gift*w)*quantum - a.spent
		q.tally(a, 0, w, max(min(left, time.Duration(q.mean*float64(len(a.batches)))), 1))
	default:
		q.tally(a, w, 0, 0)
	}
}

func (q *clamped) tally(a *contender, due, fresh int, ahead time.Duration) {
	q.due, q.fresh, q.ahead = q.due+due-a.due, q.fresh+fresh-a.fresh, q.ahead+ahead-a.ahead
	a.due, a.fresh, a.ahead = due, fresh, ahead
}

// Demand is how many batches are due, in hundredths: a quantum for every account with
// something ready, divided by what a batch takes here.
func (q *clamped) Demand() drr.Demand {
	batches := func(d time.Duration) drr.Hundredths { return drr.Hundredths(100 * float64(d) / q.mean) }
	return drr.Demand{Round: batches(time.Duration(q.due) * quantum), Ahead: max(batches(q.ahead), drr.Hundredths(min(q.fresh, 1)))}
}

func (q *clamped) InFlight() int   { return len(q.flying) }
func (q *clamped) Weight() int     { return q.due + q.fresh }
func (q *clamped) rounds() float64 { return float64(q.turns) }

func (q *clamped) Waits(id bulk.ImportID) bool {
	for _, a := range q.accounts {
		if slices.ContainsFunc(a.batches, func(b *batch) bool { return b.ref.Import == id }) {
			return true
		}
	}
	return false
}

func (q *clamped) Shuffle() {
	for _, list := range [][]*contender{q.newFlows, q.oldFlows} {
		q.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
}

func (q *clamped) Evict(gone func(bulk.AccountID) bool) []bulk.BatchID {
	for b := range q.flying {
		if gone(b.ref.Account) {
			delete(q.flying, b)
			delete(q.more, b)
		}
	}
	for id, a := range q.accounts {
		if gone(id) {
			q.count -= len(a.batches)
			q.unlist(a)
			q.dismiss(a)
		}
	}
	return nil
}
