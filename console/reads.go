package console

import (
	"context"
	"net/http"
	"sync"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// readKind is a kind of read: what metrics call it, and the memory that a request holds
// for its answer beside smallAnswer.
type readKind struct {
	name  string
	bytes int64
}

var (
	lookupRead  = readKind{"lookup", 0} // one thing, which is small
	listRead    = readKind{"list", listAnswer}
	viewRead    = readKind{"view", viewAnswer}
	recordsRead = readKind{"records", recordsAnswer}
	rejectsRead = readKind{"rejects", rejectsAnswer}
	previewRead = readKind{"preview", viewAnswer}
	streamRead  = readKind{"stream", 0} // what is sent to live streams
)

const (
	readPause    = 10 * time.Millisecond // that a read works while others wait
	readPatience = 10 * time.Second      // for the first permit
	readsWaiting = 1000                  // for their first permit, at once; of an account a tenth
)

// reads shares out reading among accounts. Who reads does so with a permit, of which
// there are few, see Config.Reads. Long reads pause in between,
// and a client that takes its answer slowly is waited for without the permit; so the wait
// for one follows the number of accounts, not of their requests.
type reads struct {
	permits *permits.Permits
	metrics *Metrics

	mu      sync.Mutex
	waiting int
	of      map[bulk.AccountID]int // waiting, by account
}

func newReads(atOnce func() int, m *Metrics) *reads {
	return &reads{permits: permits.New(permits.Config{Limit: atOnce}), metrics: m, of: map[bulk.AccountID]int{}}
}

// enter counts a request that waits until leave is called, or returns why it may not.
func (q *reads) enter(account bulk.AccountID) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.of[account] >= readsWaiting/10:
		return errReadsOfAccount
	case q.waiting >= readsWaiting:
		return errReadsBusy
	}
	q.waiting++
	q.of[account]++
	return nil
}

func (q *reads) leave(account bulk.AccountID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting--
	if q.of[account]--; q.of[account] == 0 {
		delete(q.of, account)
	}
}

var (
	errReadsOfAccount = bulk.Errorf(bulk.KindTooMany, "too_many_reads", "As many of your requests wait to be read for as may. Take their answers, then try again.")
	errReadsBusy      = bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "More is being read at this moment than there is time for. Try again shortly.")
)

// begin waits for a permit to read for the account; end must follow.
func (q *reads) begin(ctx context.Context, account bulk.AccountID, kind readKind) (p *permits.Permit, end func(), err error) {
	p, asked := q.permits.Of(account), time.Now()
	waiting, running := q.metrics.Reads.WithLabelValues(kind.name, "waiting"), q.metrics.Reads.WithLabelValues(kind.name, "running")
	waiting.Inc()
	err = p.AcquireUntil(ctx)
	waiting.Dec()
	q.metrics.ReadWait.WithLabelValues(kind.name).Observe(time.Since(asked).Seconds())
	if err != nil {
		return nil, nil, err
	}
	running.Inc()
	return p, func() { p.Release(); running.Dec() }, nil
}

// await is begin for a request, of which only so many may wait, and only for so long.
func (q *reads) await(ctx context.Context, account bulk.AccountID, kind readKind) (*permits.Permit, func(), error) {
	if err := q.enter(account); err != nil {
		return nil, nil, err
	}
	defer q.leave(account)
	patient, cancel := context.WithTimeoutCause(ctx, readPatience, errReadsBusy)
	defer cancel()
	return q.begin(patient, account, kind)
}

// reading makes a handler that reads with a permit, and has memory for its answer.
func (s *Server) reading(kind readKind, h handler) handler {
	if kind.bytes > 0 {
		h = s.holding(kind.bytes, h)
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		end, err := s.beginRead(r, kind)
		if err != nil {
			return err
		}
		defer end()
		return h(w, r)
	}
}

// beginRead waits for a permit, with which the request reads until it calls end.
func (s *Server) beginRead(r *http.Request, kind readKind) (end func(), err error) {
	p, release, err := s.reads.await(r.Context(), s.principal(r).Account, kind)
	if code := bulk.CodeOf(err); code == bulk.CodeOf(errReadsBusy) || code == bulk.CodeOf(errReadsOfAccount) {
		s.Metrics.Refused.WithLabelValues(code).Inc()
	}
	if err != nil {
		return nil, err
	}
	in := infoOf(r)
	in.permit = p
	return func() { in.permit = nil; release() }, nil
}

// permitOf returns the permit that the request behind ctx reads with, nil for none.
func permitOf(ctx context.Context) *permits.Permit {
	if in, ok := ctx.Value(infoKey{}).(*info); ok {
		return in.permit
	}
	return nil
}

// Await waits for what has its own limits, such as an object store or another process,
// without the permit that the request behind ctx reads with.
func Await(ctx context.Context, wait func()) { permitOf(ctx).Yield(wait) }
