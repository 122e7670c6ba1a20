package dispatch_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// ledger is the truth, in memory.
type ledger struct {
	mu       sync.Mutex
	staged   map[bulk.BatchID]bulk.BatchRef
	controls bulk.Controls
	steered  map[string]time.Time // accounts and imports, by when
	asked    []bulk.ImportID      // whose controls were
	err      error
}

func (l *ledger) steer(id string) {
	if l.steered == nil {
		l.steered = map[string]time.Time{}
	}
	l.steered[id] = time.Now()
}

func (l *ledger) with(f func()) { l.mu.Lock(); defer l.mu.Unlock(); f() }

func (l *ledger) stage(ref bulk.BatchRef) { l.with(func() { l.staged[ref.ID()] = ref }) }

func (l *ledger) finish(id bulk.BatchID) { l.with(func() { delete(l.staged, id) }) }

func (l *ledger) down(yes bool) {
	l.with(func() {
		l.err = nil
		if yes {
			l.err = errors.New("down")
		}
	})
}

func (l *ledger) pause(id bulk.ImportID, yes bool) {
	l.with(func() { l.controls.Paused = map[bulk.ImportID]bool{id: yes}; l.steer(string(id)) })
}

func (l *ledger) end(id bulk.ImportID) {
	l.with(func() { l.controls.Ended = map[bulk.ImportID]bool{id: true}; l.steer(string(id)) })
}

func (l *ledger) bound(id bulk.AccountID, n int) {
	l.with(func() {
		l.controls.Weights = map[bulk.AccountID]int{id: 1}
		l.controls.Caps = map[bulk.AccountID]int{id: n}
		l.steer(string(id))
	})
}

func (l *ledger) weigh(id bulk.AccountID, w int) {
	l.with(func() { l.controls.Weights = map[bulk.AccountID]int{id: w}; l.steer(string(id)) })
}

func (l *ledger) StillStaged(_ context.Context, refs []bulk.BatchRef) (still []bulk.BatchRef, err error) {
	l.with(func() {
		for _, ref := range refs {
			if _, ok := l.staged[ref.ID()]; ok {
				still = append(still, ref)
			}
		}
		err = l.err
	})
	return still, err
}

func (l *ledger) StagedFor(_ context.Context, least time.Duration, _ bulk.BatchID, _ int) (refs []bulk.BatchRef, err error) {
	l.with(func() {
		for _, ref := range l.staged {
			if time.Since(ref.StagedAt) > least {
				refs = append(refs, ref)
			}
		}
		err = l.err
	})
	return refs, err
}

// Steered does not tell accounts from imports; neither has an id of the other.
func (l *ledger) Steered(_ context.Context, within time.Duration) (accounts []bulk.AccountID, imports []bulk.ImportID, err error) {
	l.with(func() {
		for id, at := range l.steered {
			if time.Since(at) < within {
				accounts, imports = append(accounts, bulk.AccountID(id)), append(imports, bulk.ImportID(id))
			}
		}
		err = l.err
	})
	return accounts, imports, err
}

func (l *ledger) Controls(_ context.Context, _ []bulk.AccountID, imports []bulk.ImportID) (s bulk.Controls, err error) {
	l.with(func() {
		s, err = l.controls, l.err
		l.asked = append(l.asked, imports...)
	})
	return s, err
}

// topic delivers what a test puts into it.
type topic struct {
	fetches chan bulk.Fetch
	mu      sync.Mutex
	offset  int64
	done    map[bulk.Offset]bool
}

func newTopic() *topic {
	return &topic{fetches: make(chan bulk.Fetch), done: map[bulk.Offset]bool{}}
}

func (tp *topic) next(ref bulk.BatchRef) bulk.Offset {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.offset++
	return bulk.Offset{Partition: tp.PartitionOf(ref.Account), At: tp.offset, Generation: 1}
}

func (tp *topic) finished() int {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return len(tp.done)
}

func (tp *topic) Poll(ctx context.Context) (bulk.Fetch, error) {
	select {
	case <-ctx.Done():
		return bulk.Fetch{}, ctx.Err()
	case d := <-tp.fetches:
		return d, nil
	}
}

func (tp *topic) Done(m bulk.Offset) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	tp.done[m] = true
}

func (tp *topic) PartitionOf(account bulk.AccountID) int32 {
	return int32(account[0]-'0') % 4
}

// holders are the processors of the cluster.
type holders struct{ held []bulk.Lease }

func (h *holders) Held(context.Context) ([]bulk.Lease, error) { return h.held, nil }
