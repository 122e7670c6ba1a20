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
//	                      │  charge the prediction              correct by the
//	       Pause, Unpause ┘                                     time it took
//
//	new flows ▶ a ▶ b          newcomers: five at once, then every other dispatch while old ones wait
//	old flows ▶ c ▶ d ▶ e      the round: each turn one quantum, then to the back
//
// What it guarantees:
//   - Accounts that always have work receive slot time in proportion to their
//     weights, within one quantum and one batch, however they cut their work up.
//   - An account that was entirely idle (nothing waits, nothing in flight) runs
//     its first Allowance quanta ahead of the round, so a small import hardly
//     notices a hundred large ones. After that, or idle again, it has to pass
//     through the round once before it has another allowance.
//   - Nobody starves: while others wait, newcomers take Allowance dispatches in a row at
//     most, and in the long run half of them, or up to five of six where few wait
//     (burstGate).
//   - An account at its cap earns nothing meanwhile, and goes on with its turn
//     when a slot comes free. Debt stays until rounds have paid it off.
//
// Inside an account the priority classes share 8:3:1, an import with less
// remaining work goes first, and every fourth pick takes what waited longest.
package drr

import (
	"cmp"
	"math/rand/v2"
	"time"

	"bulkhead/internal/bulk"
)

// Config sets a queue up. Zero values take the defaults.
type Config struct {
	// Quantum is the slot time that the lightest account earns a turn. No batch is
	// charged more than this when it is dispatched. Default 250 ms.
	Quantum time.Duration
	// Allowance is how many of its quanta a newcomer may use ahead of the round, and how many
	// dispatches in a row newcomers may have while others wait. Default 5.
	Allowance int
	// Cost predicts a batch's slot time. It is asked at dispatch and clamped to
	// 1 µs to Quantum. Default: 20 µs a row.
	Cost func(bulk.BatchRef) time.Duration
	// Seed makes [Queue.Shuffle] repeatable.
	Seed uint64
	// FIFO serves all accounts as one, what was staged first first. It is fair to
	// nobody, and there so that fairness can be measured against it.
	FIFO bool
}

const defaultAllowance = 5

// Queue holds batches and says which is next.
type Queue struct {
	cfg      Config
	batches  map[bulk.BatchID]*batch
	lines    map[bulk.ImportID]*line
	accounts map[bulk.AccountID]*account
	weights  [bulk.MaxWeight + 1]int // accounts by weight, for the least one
	newFlows list
	oldFlows list
	rounds   int // since the beginning
	gate     burstGate
	waiting  int
	inFlight int
	tally            // of all accounts
	mean     float64 // slot time of a batch, moving average
	learnt   int     // batches in it
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
	cfg.Quantum = cmp.Or(cfg.Quantum, 250*time.Millisecond)
	cfg.Allowance = cmp.Or(cfg.Allowance, defaultAllowance)
	if cfg.Cost == nil {
		cfg.Cost = func(r bulk.BatchRef) time.Duration { return time.Duration(r.Rows) * 20 * time.Microsecond }
	}
	return &Queue{
		cfg:      cfg,
		batches:  make(map[bulk.BatchID]*batch),
		lines:    make(map[bulk.ImportID]*line),
		accounts: make(map[bulk.AccountID]*account),
		gate:     newBurstGate(cfg.Allowance),
		mean:     float64(cfg.Quantum),
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
	a := l.account
	if !l.paused {
		a.ready++
		a.classes[l.class].update(l)
	}
	q.place(a)
	return true
}

// Adopt adds a batch that is in flight already: another dispatcher granted it, and
// charged its account. An account with work in flight is no newcomer. It returns false
// and changes nothing when the batch waits or is in flight here already.
func (q *Queue) Adopt(ref bulk.BatchRef) bool {
	b := q.enter(ref)
	if b == nil {
		return false
	}
	q.fly(b)
	a := b.line.account
	if a.newcomer {
		a.newcomer = false
		a.unlist()
	}
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

// fly counts a batch as in flight and predicts its cost.
func (q *Queue) fly(b *batch) {
	b.cost = min(max(q.cfg.Cost(b.ref), time.Microsecond), q.cfg.Quantum)
	b.flying = true
	b.line.inFlight++
	b.line.account.inFlight++
	q.inFlight++
}

// Pop decides which batch runs next, charges its account and puts it in flight.
// It returns false when nothing may run.
func (q *Queue) Pop() (Grant, bool) { return q.pop(q.front) }

// PopFor decides for a slot that somebody else gave to newcomers or to the round.
func (q *Queue) PopFor(lane Lane) (Grant, bool) {
	switch {
	case lane == Newcomer:
		return q.pop(q.newFlows.front)
	case lane == Round && q.due > 0:
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

// Finish takes a batch out of flight, whatever became of it, and corrects its
// account's charge by the slot time that it really took. One that failed is
// pushed again when its back-off is over. It returns false when the batch is not
// in flight.
func (q *Queue) Finish(id bulk.BatchID, took time.Duration) bool {
	b := q.batches[id]
	if b == nil || !b.flying {
		return false
	}
	l, a := b.line, b.line.account
	l.inFlight--
	a.inFlight--
	q.inFlight--
	q.learn(took)
	limit := 2 * q.quantum(a)
	a.deficit = min(max(a.deficit-(took-b.cost), -limit), limit)
	q.forget(b)
	q.release(l)
	q.place(a)
	return true
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

// front picks the account that is due. Where none in the round has work, they pass
// through it at once.
func (q *Queue) front() *account {
	n, o := q.newFlows.front(), q.oldFlows.front()
	if n == nil || o != nil && (q.due == 0 || !q.gate.admits(int(q.ahead), int(q.round()))) {
		return o
	}
	return n
}

// turn opens or goes on with the turn of an old account. It returns false when
// the account has nothing to give now and made way.
func (q *Queue) turn(a *account) bool {
	if a.ready == 0 {
		q.pass(a)
		return false
	}
	if !a.open {
		a.open, a.owesPass = true, false
		if a.round == q.rounds {
			q.rounds++
		}
		a.round = q.rounds
		a.deficit += q.quantum(a)
	}
	if a.deficit > 0 {
		return true
	}
	a.paid++
	q.close(a)
	return false
}

// pass lets an idle account go through the round: once after it was a newcomer,
// and until its debt is paid.
func (q *Queue) pass(a *account) {
	a.deficit += q.quantum(a)
	if a.deficit < 0 {
		q.oldFlows.toBack(a)
		return
	}
	q.oldFlows.remove(a)
	q.dismiss(a)
}

// close ends an account's turn.
func (q *Queue) close(a *account) {
	a.open = false
	q.oldFlows.toBack(a)
}

func (q *Queue) dispatch(a *account) Grant {
	b := a.pick(q.oldestEvery())
	q.fly(b)
	a.ready--
	q.waiting--
	ahead := a.in == &q.newFlows
	q.gate.took(ahead, int(q.ahead), int(q.round()))
	if ahead {
		q.spendAllowance(a, b.cost)
	} else {
		q.charge(a, b.cost)
	}
	g := Grant{Ref: b.ref, Cost: b.cost, Ahead: ahead, Paid: a.paid}
	a.paid = 0
	q.place(a)
	return g
}

func (q *Queue) charge(a *account, cost time.Duration) {
	if a.deficit -= cost; a.deficit <= 0 {
		q.close(a)
	}
}

// spendAllowance charges a newcomer; one that used its allowance up joins the
// old accounts, with what it overdrew as debt.
func (q *Queue) spendAllowance(a *account, cost time.Duration) {
	a.spent += cost
	over := a.spent - time.Duration(q.cfg.Allowance)*q.quantum(a)
	if over < 0 {
		return
	}
	a.newcomer = false
	a.deficit -= over
	q.newFlows.remove(a)
	q.oldFlows.pushBack(a)
}
