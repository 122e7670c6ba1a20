package simulate

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
)

// account is one whose imports are simulated.
type account struct {
	id        bulk.AccountID
	weight    int
	rows      int64         // of each of its batches
	row       time.Duration // slot time of a row, on average
	files     int           // imports that it always has waiting; 0: its imports arrive
	partition int32         // of its references

	bytes      int64           // that its batches are said to have; 0: hundred a row
	took       length          // slot time of a batch, whatever its rows; zero: rows × row
	bait       int             // first batches of each import that take the least
	fails      float64         // share of its attempts that fail
	rest       time.Duration   // of every second, its imports are paused
	priorities []bulk.Priority // of its imports, in turn
	role       role

	gaps    []gap           // by dispatcher; nil: not measured
	windows []time.Duration // slot time it got, by window; nil: not measured
	used    time.Duration   // slot time it got while the run was measured
	trail                   // how it got it
}

// gap is how many rounds an account waits at a dispatcher between two services.
type gap struct {
	waiting        int
	since, longest float64
}

func (t *account) gap(dispatcher int32, of int) *gap {
	if t.gaps == nil {
		t.gaps = make([]gap, of)
	}
	return &t.gaps[dispatcher]
}

func (g *gap) push(round float64) {
	if g.waiting++; g.waiting == 1 {
		g.since = round
	}
}

// take ends a gap. What runs ahead of the round did not wait for it, and a round in which
// an account pays for what it had too much is none of waiting.
func (g *gap) take(round float64, by drr.Grant) {
	if !by.Ahead {
		g.longest = max(g.longest, round-g.since-float64(by.Paid))
	}
	g.waiting--
	g.since = round
}

// importState is an import with its part of the ledger.
type importState struct {
	*account
	id      bulk.ImportID
	no      int32 // of the import in the run
	batches int   // it has in all; 0: another comes whenever one is taken
	staged  int
	done    int
	gone    int // of the done ones, batches that nobody works on any more
	arrived time.Duration
	pace    rowCost // of its batches, where a design keeps one
	file    int     // batches that first-come-first-served still owes this file

	actor    *actor // that sent it and waits for it, or nil
	priority bulk.Priority
	measured bool
	felt     bool // its dispatcher died
	lost     bool // a node with a batch of it was lost
}

// batch is a row of the ledger, and what the nodes do with it.
type batch struct {
	ref       bulk.BatchRef // its No is the batch's place in the ledger
	imp       *importState
	no        int // in its import
	partition int32
	attempts  int // so far
	running   int // of these, now
	committed bool
	queued    bool // it waits in a queue
	free      bool
}

// ledger is the truth about batches: it commits each once. Places of ended batches
// are used again, so that a long run needs no more memory than a short one.
type ledger struct {
	batches   []*batch
	spare     []*batch
	idle      []*importState
	imports   int32
	staged    int
	committed int
	balance   uint64 // a sum over what was staged less that over what was committed
	refused   int    // commits of batches that were committed already
}

// enter returns a fresh import of a account.
func (l *ledger) enter(t *account, batches int, now time.Duration) *importState {
	var i *importState
	if last := len(l.idle) - 1; last >= 0 {
		i, l.idle = l.idle[last], l.idle[:last]
		*i = importState{id: i.id}
	} else {
		i = &importState{id: bulk.ImportID("i" + strconv.Itoa(int(l.imports)))}
	}
	i.account, i.no, i.batches, i.arrived = t, l.imports, batches, now
	if n := len(t.priorities); n > 0 {
		i.priority = t.priorities[int(i.no)%n]
	}
	l.imports++
	return i
}

// epoch is when simulated time begins.
var epoch = time.Unix(1_700_000_000, 0).UTC()

// stage enters the next batch of an import.
func (l *ledger) stage(i *importState, now time.Duration) *batch {
	var b *batch
	if last := len(l.spare) - 1; last >= 0 {
		b, l.spare = l.spare[last], l.spare[:last]
		*b = batch{ref: bulk.BatchRef{No: b.ref.No}}
	} else {
		b = &batch{ref: bulk.BatchRef{No: int64(len(l.batches))}}
		l.batches = append(l.batches, b)
	}
	b.imp, b.no, b.partition = i, i.staged, i.partition
	b.ref.Account, b.ref.Import, b.ref.Rows, b.ref.StagedAt = i.account.id, i.id, i.rows, epoch.Add(now)
	b.ref.Bytes, b.ref.Priority = cmp.Or(i.bytes, i.rows*rowBytes), i.priority
	l.balance += b.hash()
	i.staged++
	l.staged++
	return b
}

// commit applies a batch, once: false says that another attempt was first.
func (l *ledger) commit(b *batch) bool {
	if b.committed {
		l.refused++
		return false
	}
	b.committed = true
	b.imp.done++
	l.committed++
	l.balance -= b.hash()
	return true
}

// hash is different for every batch of a run.
func (b *batch) hash() uint64 { return mix(uint64(b.imp.no)<<32 | uint64(b.no)) }

// release gives the place of a batch back that nobody works on or waits for.
func (l *ledger) release(b *batch) {
	if !b.committed || b.running > 0 || b.free {
		return
	}
	i := b.imp
	b.free, b.imp = true, nil
	l.spare = append(l.spare, b)
	if i.gone++; i.gone == i.batches {
		l.idle = append(l.idle, i)
	}
}

// audit says what is wrong with a ledger whose work should all be done.
func (l *ledger) audit() error {
	if l.staged != l.committed || l.balance != 0 {
		return fmt.Errorf("%d batches were staged and %d committed, sums differ by %x", l.staged, l.committed, l.balance)
	}
	for _, b := range l.batches {
		if !b.free {
			return fmt.Errorf("batch %s has not ended: committed %v, running %d, queued %v", b.ref.ID(), b.committed, b.running, b.queued)
		}
	}
	return nil
}
