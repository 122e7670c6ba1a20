package ingest

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// turns shares out the time for scanning, decoding and encoding: so many compute at
// once, and a round over accounts says who. What waits for somebody else, such as a
// client, an object store or the ledger, does so without a turn; therefore a turn ends
// soon and waiting for one needs no way out.
type turns struct {
	mu    sync.Mutex
	free  int
	round round[*turn]
	waits prometheus.Observer // seconds from asking to getting
}

func newTurns(places int, waits prometheus.Observer) *turns {
	return &turns{free: places, round: newRound[*turn](), waits: waits}
}

// turn is how one goroutine gets its turns. It has at most one at a time, and is that
// goroutine's only.
type turn struct {
	turns   *turns
	account bulk.AccountID
	given   chan struct{} // holds one
	begun   time.Time     // zero: it has no turn
}

// of returns a turn that is not taken yet.
func (s *turns) of(account bulk.AccountID) *turn {
	return &turn{turns: s, account: account, given: make(chan struct{}, 1)}
}

// take waits for a turn.
func (t *turn) take() {
	asked := time.Now()
	t.turns.ask(t)
	<-t.given
	t.begun = time.Now()
	t.turns.waits.Observe(t.begun.Sub(asked).Seconds())
}

// give ends the turn, if there is one.
func (t *turn) give() {
	if t.begun.IsZero() {
		return
	}
	took := time.Since(t.begun)
	t.begun = time.Time{}
	t.turns.end(t, took)
}

// contended reports whether others wait for a turn.
func (t *turn) contended() bool {
	t.turns.mu.Lock()
	defer t.turns.mu.Unlock()
	return len(t.turns.round.order) > 0
}

// without waits for something without the turn, and for the next one afterwards. Who has
// none just waits.
func (t *turn) without(wait func()) {
	if t == nil {
		wait()
		return
	}
	t.give()
	wait()
	t.take()
}

func (s *turns) ask(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round.wait(t.account, t)
	s.share()
}

func (s *turns) end(t *turn, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.round.end(t.account, took)
	s.share()
}

func (s *turns) share() {
	for s.free > 0 {
		t, ok := s.round.next()
		if !ok {
			return
		}
		s.free--
		t.given <- struct{}{}
	}
}
