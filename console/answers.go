package console

import (
	"net"
	"net/http"
	"sync"

	"bulkhead/internal/bulk"
)

// The most memory that a request holds while its answer is made and a slow client reads
// it, in bytes.
const (
	smallAnswer   = 16 << 10 // of every request, live streams included: what fits into a connection is sent at once
	listAnswer    = 4 << 20
	viewAnswer    = 2 << 20            // a page of an import with its batches, or a preview
	recordsAnswer = 4 * bulk.PageBytes // values in memory, one record as JSON, and its compression
	rejectsAnswer = 16 << 20           // a staged batch, as it is stored and decoded
)

// answers is the memory that answers may take. What an account can hold is a quarter of
// all, and no more than what is then left (dynamic thresholds, as ingest has them), so
// there is room for one that comes, and clients that do not read are refused before
// they hurt others. A process that has none left says so with 503, an account with 429.
type answers struct {
	mu    sync.Mutex
	total int64
	taken int64
	held  map[string]int64 // by account, or by address where nobody signed in
}

func newAnswers(total int64) *answers { return &answers{total: total, held: map[string]int64{}} }

// take reserves n bytes until leave is called, or returns why not.
func (a *answers) take(who string, n int64) (leave func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch left := a.total - a.taken; {
	case n > left:
		return nil, bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "Too many answers are being read at this moment. Try again shortly.")
	case a.held[who]+n > min(left, a.total/4):
		return nil, bulk.Errorf(bulk.KindTooMany, "too_many_reads", "As many of your answers are being read as there is room for. Read them to their end, then try again.")
	}
	a.taken += n
	a.held[who] += n
	return func() { a.leave(who, n) }, nil
}

func (a *answers) leave(who string, n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken -= n
	if a.held[who] -= n; a.held[who] == 0 {
		delete(a.held, who)
	}
}

// holding makes a handler that has n bytes more for its answer than every request.
func (s *Server) holding(n int64, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		leave, err := s.hold(r, n)
		if err != nil {
			return err
		}
		defer leave()
		return h(w, r)
	}
}

// hold reserves memory for an answer to who asks.
func (s *Server) hold(r *http.Request, n int64) (leave func(), err error) {
	who := string(s.principal(r).Account)
	if who == "" {
		who, _, _ = net.SplitHostPort(r.RemoteAddr)
	}
	if leave, err = s.answers.take(who, n); err != nil {
		s.Metrics.Refused.WithLabelValues(bulk.CodeOf(err)).Inc()
	}
	return leave, err
}
