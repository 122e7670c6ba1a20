package ingest

import (
	"sync"

	"bulkhead/internal/bulk"
)

// gate bounds how many files a process takes in at once, and thereby its memory.
// One account gets at most a part of the places, so that it cannot keep others out.
type gate struct {
	mu     sync.Mutex
	places int
	share  int // of places that one account may hold
	taken  int
	held   map[bulk.AccountID]int
}

func newGate(places int) *gate {
	return &gate{places: places, share: max(1, places/4), held: map[bulk.AccountID]int{}}
}

// enter takes a place, or returns a KindUnavailable error. The caller gives it back with leave.
func (g *gate) enter(account bulk.AccountID) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.taken >= g.places || g.held[account] >= g.share {
		return bulk.Errorf(bulk.KindUnavailable, bulk.ErrBusy, "Too many files are being received at this moment. Try again shortly; nothing is lost.")
	}
	g.taken++
	g.held[account]++
	return nil
}

func (g *gate) leave(account bulk.AccountID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken--
	if g.held[account]--; g.held[account] == 0 {
		delete(g.held, account)
	}
}
