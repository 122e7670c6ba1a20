package permits

import (
	"context"
	"sync"
	"time"

	"bulkhead/internal/bulk"
)

// Config is what a Permits needs.
type Config struct {
	Limit  func() int          // how many may compute at once now, at least 1; it is called under a lock
	Waited func(time.Duration) // is told each time from asking to getting; default: nobody is told
}

// Permits shares out computing. It is safe for concurrent use.
//
// What waits for somebody else, such as a client, an object store or the ledger, does so
// without a permit; therefore one is released soon.
type Permits struct {
	cfg Config

	mu      sync.Mutex
	running int
	queue   fairQueue[*Permit]
}

// New returns permits of which none is taken.
func New(c Config) *Permits {
	if c.Waited == nil {
		c.Waited = func(time.Duration) {}
	}
	return &Permits{cfg: c, queue: newFairQueue[*Permit]()}
}

// Fixed is the Limit of permits whose number stays.
func Fixed(n int) func() int { return func() int { return n } }

// Busy reports whether somebody computes.
func (s *Permits) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running > 0
}

// Permit is how one goroutine is let compute. It is acquired and released again and
// again, and is that goroutine's only one. A nil one was never acquired.
type Permit struct {
	permits  *Permits
	account  bulk.AccountID
	granted  chan struct{} // holds one
	acquired time.Time     // zero: it is not
}

// Of returns a permit that is not acquired yet.
func (s *Permits) Of(account bulk.AccountID) *Permit {
	return &Permit{permits: s, account: account, granted: make(chan struct{}, 1)}
}

// Acquire waits until the goroutine may compute.
func (p *Permit) Acquire() { _ = p.AcquireUntil(context.Background()) }

// AcquireUntil is Acquire, but fails with the cause of ctx once that ends.
func (p *Permit) AcquireUntil(ctx context.Context) error {
	asked := time.Now()
	p.permits.request(p)
	select {
	case <-p.granted:
	case <-ctx.Done():
		if p.permits.withdraw(p) {
			return context.Cause(ctx)
		}
		<-p.granted // at the same moment
	}
	p.acquired = time.Now()
	p.permits.cfg.Waited(p.acquired.Sub(asked))
	return nil
}

// Release gives the permit back, if it was acquired.
func (p *Permit) Release() {
	if p == nil || p.acquired.IsZero() {
		return
	}
	took := time.Since(p.acquired)
	p.acquired = time.Time{}
	p.permits.release(p, took)
}

// Contended reports whether others wait for a permit, or fewer may run than do.
func (p *Permit) Contended() bool {
	p.permits.mu.Lock()
	defer p.permits.mu.Unlock()
	return len(p.permits.queue.backlogged) > 0 || p.permits.running > p.permits.cfg.Limit()
}

// Yield waits for something without the permit, and acquires it again afterwards, if it
// was acquired.
func (p *Permit) Yield(wait func()) {
	if p == nil || p.acquired.IsZero() {
		wait()
		return
	}
	p.Release()
	wait()
	p.Acquire()
}

// Pause lets others go first that wait, once the permit was held for a time.
func (p *Permit) Pause(after time.Duration) {
	if p != nil && !p.acquired.IsZero() && time.Since(p.acquired) >= after && p.Contended() {
		p.Yield(func() {})
	}
}

func (s *Permits) request(p *Permit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.enqueue(p.account, p)
	s.grant()
}

// withdraw takes back a request; false: it was granted.
func (s *Permits) withdraw(p *Permit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.remove(p.account, p)
}

func (s *Permits) release(p *Permit, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	s.queue.finish(p.account, took)
	s.grant()
}

func (s *Permits) grant() {
	for limit := s.cfg.Limit(); s.running < limit; {
		p, ok := s.queue.dequeue()
		if !ok {
			return
		}
		s.running++
		p.granted <- struct{}{}
	}
}
