package ingest

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// permits shares out the time for scanning, decoding and encoding: so many compute at
// once, and a fair queue of accounts says who. What waits for somebody else, such as a
// client, an object store or the ledger, does so without a permit; therefore one is
// released soon and waiting for one needs no way out.
type permits struct {
	mu    sync.Mutex
	free  int
	queue fairQueue[*permit]
	waits prometheus.Observer // seconds from asking to getting
}

func newPermits(free int, waits prometheus.Observer) *permits {
	return &permits{free: free, queue: newFairQueue[*permit](), waits: waits}
}

// permit is how one goroutine is let compute. It is acquired and released again and
// again, and is that goroutine's only one.
type permit struct {
	permits  *permits
	account  bulk.AccountID
	granted  chan struct{} // holds one
	acquired time.Time     // zero: it is not
}

// of returns a permit that is not acquired yet.
func (s *permits) of(account bulk.AccountID) *permit {
	return &permit{permits: s, account: account, granted: make(chan struct{}, 1)}
}

// acquire waits until the goroutine may compute.
func (p *permit) acquire() {
	asked := time.Now()
	p.permits.request(p)
	<-p.granted
	p.acquired = time.Now()
	p.permits.waits.Observe(p.acquired.Sub(asked).Seconds())
}

// release gives the permit back, if it was acquired.
func (p *permit) release() {
	if p.acquired.IsZero() {
		return
	}
	took := time.Since(p.acquired)
	p.acquired = time.Time{}
	p.permits.release(p, took)
}

// contended reports whether others wait for a permit.
func (p *permit) contended() bool {
	p.permits.mu.Lock()
	defer p.permits.mu.Unlock()
	return len(p.permits.queue.backlogged) > 0
}

// yield waits for something without the permit, and acquires it again afterwards. Of no
// permit it just waits.
func (p *permit) yield(wait func()) {
	if p == nil {
		wait()
		return
	}
	p.release()
	wait()
	p.acquire()
}

func (s *permits) request(p *permit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.enqueue(p.account, p)
	s.grant()
}

func (s *permits) release(p *permit, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.queue.finish(p.account, took)
	s.grant()
}

func (s *permits) grant() {
	for s.free > 0 {
		p, ok := s.queue.dequeue()
		if !ok {
			return
		}
		s.free--
		p.granted <- struct{}{}
	}
}
