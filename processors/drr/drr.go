// Package drr decides which batch runs next: deficit round-robin over accounts,
// in the unit of slot time, after Shreedhar and Varghese (1995) with the new-flow
// list of fq_codel (RFC 8290).
//
// It is pure: no clock, no goroutine, no I/O, and it is not safe for concurrent
// use; its caller brings the lock. A decision takes constant time, whatever the
// number of accounts, plus the logarithm of the imports of one account.
//
//	          Push                      Pop                     Finish
//	batch ───────────▶ waiting ───────────────────▶ in flight ───────────▶ gone
//	                      │  charge the prediction    Charge: up to what it takes,
//	       Pause, Unpause ┘                           as it runs, and at its end
//
//	new flows ▶ a ▶ b          newcomers: ahead of the round, in turns of 100 ms
//	old flows ▶ c ▶ d ▶ e      the round: each turn one quantum, then to the back
//
// Of an account one number is kept: its virtual time T, the slot time that it was charged
// ever, by weight ([Virtual]). The round has one as well, R, which each round raises by a
// quantum; weight × (R − T) is the account's deficit in the sense of the paper. In its
// turn an account runs until T ≥ R; whoever is in debt, T > R, passes its turns until R
// has come after it, so debts are kept whole.
//
// bound.go says what this guarantees, and why. Inside an account the priority classes
// share 8:3:1, an import with less remaining work goes first, and every fourth pick takes
// what waited longest.
package drr

import (
	"cmp"
	"math/rand/v2"
	"time"

	"bulkhead/internal/bulk"
)

// Config sets a queue up. Zero values take the defaults.
type Config struct {
	// Quantum is the slot time that the lightest account earns a turn. Default 250 ms.
	Quantum time.Duration
	// Allowance is how many of its quanta an account may be behind the round when it comes
	// back, to run ahead of it. Default 5.
	Allowance int
	// Cost predicts a batch's slot time. It is asked at dispatch; 1 µs at least is
	// charged. Default: 20 µs a row.
	Cost func(bulk.BatchRef) time.Duration
	// Seed makes [Queue.Shuffle] repeatable.
	Seed uint64
	// FIFO serves all accounts as one, what was staged first first. It is fair to
	// nobody, and there so that fairness can be measured against it.
	FIFO bool
}

const (
	defaultQuantum   = 250 * time.Millisecond
	defaultAllowance = 5
	// newcomerTurn is the slot time by weight after which one newcomer makes way for the
	// next. It is short: a small import's second batch waits for one such turn of each.
	newcomerTurn Virtual = 0.1
)

// Queue holds batches and says which is next.
type Queue struct {
	cfg      Config
	batches  map[bulk.BatchID]*batch
	lines    map[bulk.ImportID]*line
	accounts map[bulk.AccountID]*account
	weights  [bulk.MaxWeight + 1]int // accounts that may run, by weight, for the least one
	newFlows list
	oldFlows list
	away     list    // accounts without work that are remembered for what they used
	round    Virtual // R: who is in the round may run until then
	began    Virtual // where this round began
	rounds   int     // since the beginning
	most     Virtual // that any account has come to
	heard    bool    // how far others are: times here are comparable with theirs
	gate     gate
	waiting  int
	inFlight int
	sum      tally // of all accounts
	seq      uint64
	rand     *rand.Rand
	spare    spare
}

// Grant is a decision.
type Grant struct {
	Ref   bulk.BatchRef
	Cost  time.Duration // the predicted slot time that was charged
	Ahead bool          // its account is a newcomer that runs ahead of the round
	Paid  int           // turns that its account passed since its last one, to pay debt off
}

// New returns an empty queue.
func New(cfg Config) *Queue {
	cfg.Quantum = cmp.Or(cfg.Quantum, defaultQuantum)
	cfg.Allowance = cmp.Or(cfg.Allowance, defaultAllowance)
	if cfg.Cost == nil {
		cfg.Cost = func(r bulk.BatchRef) time.Duration { return time.Duration(r.Rows) * 20 * time.Microsecond }
	}
	return &Queue{
		cfg:      cfg,
		batches:  make(map[bulk.BatchID]*batch),
		lines:    make(map[bulk.ImportID]*line),
		accounts: make(map[bulk.AccountID]*account),
		gate:     gate{burst: time.Duration(cfg.Allowance) * cfg.Quantum},
		rand:     rand.New(rand.NewPCG(cfg.Seed, cfg.Seed)),
	}
}

// Push adds a waiting batch. It returns false and changes nothing when the batch
// waits or is in flight already.
func (q *Queue) Push(ref bulk.BatchRef) bool {
	b := q.enter(ref)
	if b == nil {
		return false
	}
	l := b.line
	q.waiting++
	l.push(b)
	if !l.paused {
		q.ready(l.account, 1)
		l.account.classes[l.class].update(l)
	}
	q.place(l.account)
	return true
}

// Adopt adds a batch that is in flight already: another dispatcher granted it, and
// its account is charged here when it ends. It returns false and changes nothing when
// the batch waits or is in flight here already.
func (q *Queue) Adopt(ref bulk.BatchRef) bool {
	b := q.enter(ref)
	if b == nil {
		return false
	}
	q.fly(b)
	a := b.line.account
	a.attained = max(a.attained, q.Virtual()) // it is no newcomer
	q.place(a)
	return true
}

// enter makes a batch known, or returns nil for one that is known.
func (q *Queue) enter(ref bulk.BatchRef) *batch {
	id := ref.ID()
	if _, known := q.batches[id]; known {
		return nil
	}
	l := q.line(ref)
	b := q.spare.batch()
	b.ref, b.line = ref, l
	q.batches[id] = b
	return b
}

// fly counts a batch as in flight.
func (q *Queue) fly(b *batch) {
	b.flying = true
	b.line.inFlight++
	b.line.account.inFlight++
	q.inFlight++
}

// Pop decides which batch runs next, charges its account and puts it in flight.
// It returns false when nothing may run.
func (q *Queue) Pop() (Grant, bool) { return q.pop(q.front) }

// PopFor decides for a slot that somebody else gave to newcomers or to the round.
func (q *Queue) PopFor(ask Ask) (Grant, bool) {
	q.Heard(ask.Virtual, false)
	switch {
	case ask.Lane == Newcomer, ask.Lane == Round && q.sum.Round == 0: // debtors come after those who are due elsewhere
		return q.pop(q.newFlows.front)
	case ask.Lane == Round:
		return q.pop(q.oldFlows.front)
	default:
		return q.Pop()
	}
}

func (q *Queue) pop(front func() *account) (Grant, bool) {
	for {
		a := front()
		if a == nil {
			return Grant{}, false
		}
		if a.in == &q.newFlows || q.turn(a) {
			return q.dispatch(a), true
		}
	}
}

// Finish takes a batch out of flight, whatever became of it. One that failed is pushed
// again when its back-off is over. It returns false when the batch is not in flight.
func (q *Queue) Finish(id bulk.BatchID) bool {
	b := q.batches[id]
	if b == nil || !b.flying {
		return false
	}
	l, a := b.line, b.line.account
	l.inFlight--
	a.inFlight--
	q.inFlight--
	q.forget(b)
	q.release(l)
	q.place(a)
	return true
}

// Charge charges a batch's account with slot time beside what [Queue.Pop] did: for what
// the batch takes longer, for second copies of it, for attempts that failed; a negative
// cost gives back what it took less. All of it counts, however much, and the batch need
// not be in flight any more.
func (q *Queue) Charge(ref bulk.BatchRef, cost time.Duration) {
	a := q.account(ref.Account)
	// Of what a batch takes beyond its account's allowance that account alone is in debt:
	// other newcomers do not wait for it.
	if b := q.batches[ref.ID()]; b != nil && b.ahead && (cost < 0 || a.newcomer()) {
		q.gate.took(true, cost, q.sum.Demand)
	}
	q.charge(a, cost)
	q.place(a)
}

// Heard takes in what a node knows of all dispatchers: how far they have come on average, and
// whether it has a slot that nobody needs. Where nobody is in the round here, it goes on with
// the others; and an idle cluster forgives debts.
func (q *Queue) Heard(mean Virtual, idle bool) {
	switch {
	case mean == 0:
	case !q.heard:
		q.shift(mean - q.Virtual())
		q.heard = true
	case q.sum.Round == 0:
		q.advance(mean)
	}
	if idle && q.sum.weight == 0 {
		q.forgive()
	}
}

// forgive lets nobody owe anything: nobody waited for what they had. The round stays where those
// of others are; were it to go on to where the debts end, who is new here would begin there.
func (q *Queue) forgive() {
	if q.most <= q.round {
		return
	}
	q.most = q.round
	for _, a := range q.accounts {
		a.attained = min(a.attained, q.round)
	}
}

// shift lets times begin where those of others are: nobody here has a history.
func (q *Queue) shift(by Virtual) {
	q.round += by
	q.began += by
	q.most += by
	for _, a := range q.accounts {
		a.attained += by
		a.until += by
		q.weigh(a)
	}
}

// advance brings the round forward. Whose debt it comes near to is due again.
func (q *Queue) advance(to Virtual) {
	if to <= q.round {
		return
	}
	q.round, q.began = to, to
	for a := q.oldFlows.head; a != nil; a = a.next {
		q.weigh(a)
	}
}

// Contains reports whether the batch waits or is in flight.
func (q *Queue) Contains(id bulk.BatchID) bool { return q.batches[id] != nil }

// Waiting returns the number of batches that wait, those of paused imports included.
func (q *Queue) Waiting() int { return q.waiting }

// InFlight returns the number of batches in flight.
func (q *Queue) InFlight() int { return q.inFlight }

// Shuffle puts the accounts into a random order, so that dispatchers that start
// together do not serve theirs in lockstep. Call it after the first references
// of an assignment were pushed.
func (q *Queue) Shuffle() {
	q.newFlows.shuffle(q.rand)
	q.oldFlows.shuffle(q.rand)
}

// front picks the account that is due.
func (q *Queue) front() *account {
	n, o := q.newFlows.front(), q.oldFlows.front()
	if n != nil && (o == nil || q.gate.admits(q.sum.Demand)) {
		return n
	}
	return o
}

// turn opens or goes on with the turn of an account in the round. It returns false when
// the account is in debt and makes way.
func (q *Queue) turn(a *account) bool {
	joined := a.turn == never
	if !a.open {
		if a.turn == q.rounds {
			q.nextRound()
		}
		if joined { // one quantum, though the round may have gone on since
			a.attained = max(a.attained, q.began)
		}
		a.open, a.turn = true, q.rounds
	}
	if a.attained.before(q.round) {
		return true
	}
	if !joined || q.round.before(a.attained) {
		a.paid++
	}
	q.close(a)
	q.weigh(a) // the round has come closer
	return false
}

// nextRound lets everybody in the round have another turn. Where all are in debt, it
// goes on to where the first of them is not.
func (q *Queue) nextRound() {
	q.rounds++
	q.began = q.round
	q.round += q.quantum()
	if q.sum.Round == 0 {
		least := q.oldFlows.head.attained
		for a := q.oldFlows.head.next; a != nil; a = a.next {
			least = min(least, a.attained)
		}
		q.began = max(q.began, least)
		q.round = max(q.round, least+q.quantum())
	}
}

// quantum is what a turn raises the round by: slot time of [Config.Quantum] for the
// lightest account that may run.
func (q *Queue) quantum() Virtual {
	least := 1
	for least < bulk.MaxWeight && q.weights[least] == 0 {
		least++
	}
	return Virtual(q.cfg.Quantum.Seconds()) / Virtual(least)
}

// allowance is how far an account may be behind the round.
func (q *Queue) allowance() Virtual {
	return Virtual(q.cfg.Quantum.Seconds() * float64(q.cfg.Allowance))
}

// close ends an account's turn.
func (q *Queue) close(a *account) {
	a.open = false
	q.oldFlows.toBack(a)
}

func (q *Queue) dispatch(a *account) Grant {
	b := a.pick(q.oldestEvery())
	cost := max(q.cfg.Cost(b.ref), time.Microsecond)
	q.fly(b)
	q.waiting--
	b.ahead = a.in == &q.newFlows
	q.gate.took(b.ahead, cost, q.sum.Demand)
	g := Grant{Ref: b.ref, Cost: cost, Ahead: b.ahead, Paid: a.paid}
	a.paid = 0
	q.ready(a, -1)
	q.charge(a, cost)
	if b.ahead && a.used >= newcomerTurn { // its turn among the newcomers is over
		a.used = 0
		q.newFlows.toBack(a)
	}
	q.place(a)
	q.forgetOne()
	return g
}

// charge moves an account's virtual time on. One whose turn in the round is over with it
// makes way.
func (q *Queue) charge(a *account, cost time.Duration) {
	by := Virtual(cost.Seconds()) / Virtual(a.weight)
	a.attained += by
	q.most = max(q.most, a.attained)
	a.used += by
	if a.in == &q.oldFlows && a.open && !a.attained.before(q.round) {
		q.close(a)
	}
}
