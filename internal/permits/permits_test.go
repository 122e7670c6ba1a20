package permits

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Who gives up waiting is out of the queue, and holds up nobody.
func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Limit: Fixed(1)})
		first := s.Of("A")
		first.Acquire()
		gone, late := errors.New("gone"), s.Of("b")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if err := late.AcquireUntil(ctx); !errors.Is(err, gone) {
			t.Errorf("AcquireUntil = %v, want %v", err, gone)
		}
		late.Release() // of what was not acquired
		first.Release()
		if s.Busy() || len(s.queue.flows) > 0 {
			t.Errorf("busy %v, %d accounts are remembered", s.Busy(), len(s.queue.flows))
		}
		if err := s.Of("c").AcquireUntil(t.Context()); err != nil || !s.Busy() {
			t.Errorf("the next one got %v, busy %v", err, s.Busy())
		}
	})
}

// A limit that falls takes effect when those that run pause, and one that rises when
// somebody asks or releases.
func TestLimitMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := 2
		s := New(Config{Limit: func() int { return limit }})
		var done []string
		var last time.Time
		for _, name := range []string{"A", "b"} {
			go func() {
				p := s.Of("same")
				p.Acquire()
				for range 3 {
					<-time.After(10 * time.Millisecond)
					p.Pause(5 * time.Millisecond)
				}
				done, last = append(done, name), time.Now()
				p.Release()
			}()
		}
		began := time.Now()
		<-time.After(15 * time.Millisecond)
		limit = 1
		synctest.Wait()
		<-time.After(time.Second)
		// Both run until their second pause at 20 ms, then one after the other.
		if took := last.Sub(began); took != 40*time.Millisecond || len(done) != 2 {
			t.Errorf("%v are done after %v, want two after 40ms", done, took)
		}
	})
}

// Long work that pauses lets the light work of another account in between.
func TestPauseLetsOthersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Limit: Fixed(1)})
		var order []string
		for range 2 {
			go func() {
				p := s.Of("A")
				p.Acquire()
				defer p.Release()
				for range 10 {
					<-time.After(10 * time.Millisecond)
					order = append(order, "A")
					p.Pause(10 * time.Millisecond)
				}
			}()
		}
		<-time.After(35 * time.Millisecond)
		asked := time.Now()
		p := s.Of("b")
		p.Acquire()
		order = append(order, "b")
		p.Release()
		if waited := time.Since(asked); waited != 5*time.Millisecond || slices.Index(order, "b") != 4 {
			t.Errorf("after %v of waiting the order is %v", waited, order)
		}
		<-time.After(time.Second)
	})
}
