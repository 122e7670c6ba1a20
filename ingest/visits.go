package ingest

import (
	"context"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// visitWait is how long a request waits for the one before it to store what it has.
const visitWait = 20 * time.Second

// visits lets one request at a time at an upload. A later one makes the earlier one stop
// and store what it has, since a client that comes again has given up the earlier one.
// Between processes the ledger's epoch does the same.
type visits struct {
	mu sync.Mutex
	of map[bulk.ImportID]*visit
}

type visit struct {
	stop context.CancelCauseFunc
	left chan struct{} // closed when it ends
}

func newVisits() *visits { return &visits{of: map[bulk.ImportID]*visit{}} }

// enter waits for the request before it. The returned context ends with
// bulk.ErrSuperseded when a later request comes; the caller calls leave when it is done.
func (v *visits) enter(ctx context.Context, id bulk.ImportID) (_ context.Context, leave func(), err error) {
	timer := time.NewTimer(visitWait)
	defer timer.Stop()
	for {
		mine, before := v.tryEnter(ctx, id)
		if before == nil {
			return mine.ctx, mine.leave, nil
		}
		before.stop(bulk.ErrSuperseded)
		select {
		case <-before.left:
		case <-timer.C:
			return nil, nil, bulk.ErrSuperseded
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
	}
}

// entered is a visit that has begun.
type entered struct {
	ctx   context.Context
	leave func()
}

func (v *visits) tryEnter(ctx context.Context, id bulk.ImportID) (e entered, before *visit) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if before = v.of[id]; before != nil {
		return e, before
	}
	ctx, stop := context.WithCancelCause(ctx)
	mine := &visit{stop: stop, left: make(chan struct{})}
	v.of[id] = mine
	return entered{ctx, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.of, id)
		stop(nil)
		close(mine.left)
	}}, nil
}
