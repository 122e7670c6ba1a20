package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"bulkhead/internal/bulk"
)

// strategy is how accounts behave that look at what becomes of their work: each sends
// imports, waits for them, thinks, and sends the next. The zero strategy is an account like
// any other whale: one import that never ends.
type strategy struct {
	name     string
	accounts int           // that play it, each for itself; 0: one
	imports  int           // at once; 0: one
	batches  int           // of each; 0: they never end
	took     length        // slot time of a batch
	think    time.Duration // from the end of its imports to the next ones
	each     bool          // every import is followed by another by itself, not all by all
	every    time.Duration // they come at multiples of this, if the ones before have ended
	after    time.Duration // plus this
	together bool          // all its accounts come at one moment
	rest     time.Duration // of every second, its imports are paused for so long

	rows, bytes int64 // that it says a batch has, whatever it takes; 0: like a whale's
	weight      int
	bait        int             // first batches of each import that take the least slot time
	fails       float64         // share of its attempts that fail
	priorities  []bulk.Priority // of its imports, in turn
	beside      bool            // its account is at the dispatcher of the first whale, else by chance
	spread      int             // its accounts are at so many dispatchers; 0: by chance
	helps       bool            // it gains nothing for itself: it is there for another strategy
}

// length is the slot time of batches, spread evenly over the orders of magnitude from the
// least to the most. The zero length is a whale's: rows × perRow.
type length struct{ least, most time.Duration }

func always(d time.Duration) length { return length{d, d} }

// rows is how many a batch has that takes so long and says so honestly: full batches are
// as long as they are.
func (l length) rows() int64 {
	if l.most == 0 {
		return fullRows
	}
	return min(max(int64(l.most/perRow), 1), fullRows)
}

// role is what an account does in a scene.
type role uint8

const (
	honest    role = iota
	attacking      // for itself
	helping        // for one that attacks
)

// actor is an account that plays a strategy, in a closed loop.
type actor struct {
	*strategy
	number  int32
	account *account
	offset  time.Duration // of its moments
	open    int           // imports that have not ended
}

// play brings strategies into a scene. Accounts whose imports never end come first.
func (s *scene) play(all []strategy, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 5))
	for i := range all {
		for n := range max(all[i].accounts, 1) {
			a := all[i].account(i, n, rnd)
			if all[i].beside {
				a.partition = s.accounts[0].partition
			}
			if all[i].batches == 0 {
				a.files = max(all[i].imports, 1)
				s.accounts = append(s.accounts, a)
				continue
			}
			act := actor{strategy: &all[i], number: int32(len(s.actors)), account: &a, offset: all[i].after}
			if !all[i].together {
				act.offset += time.Duration(rnd.Int64N(int64(max(all[i].every, all[i].think, time.Second))))
			}
			s.actors = append(s.actors, act)
		}
	}
}

func (s *strategy) account(i, n int, rnd *rand.Rand) account {
	a := account{
		id: bulk.AccountID(fmt.Sprintf("%d-%d", i, n)), weight: max(s.weight, 1), rows: s.took.rows(), row: perRow,
		bytes: s.bytes, took: s.took, bait: s.bait, fails: s.fails, priorities: s.priorities, rest: s.rest, role: attacking,
		partition: rnd.Int32N(partsAll),
	}
	if s.rows > 0 {
		a.rows = s.rows
	}
	if s.spread > 0 {
		a.partition = int32(n % s.spread)
	}
	if s.helps {
		a.role = helping
	}
	return a
}

// wake lets an actor send n imports.
func (w *world) wake(i int32, n int) {
	a := &w.actors[i]
	if w.draining {
		return
	}
	for range n {
		l := w.enter(a.account, a.batches)
		l.actor = a
		a.open++
	}
}

// ended tells an actor that an import of it ended.
func (w *world) ended(a *actor) {
	a.open--
	n := 1
	switch {
	case a.each:
	case a.open > 0:
		return
	default:
		n = max(a.imports, 1)
	}
	at := w.now + a.think
	if a.every > 0 {
		at = a.offset + (max(at-a.offset, 0)/a.every+1)*a.every
	}
	w.plan(at, wakes, a.number, int32(n))
}
