package dispatch

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// counted counts how often somebody looks for work.
type counted struct {
	*drr.Queue
	asked atomic.Int64
	due   *drr.Demand // instead of the queue's
}

func (c *counted) PopFor(ask drr.Ask) (drr.Grant, bool) {
	c.asked.Add(1)
	return c.Queue.PopFor(ask)
}

func (c *counted) Demand() drr.Demand {
	c.asked.Add(1)
	if c.due != nil {
		return *c.due
	}
	return c.Queue.Demand()
}

// still is a dispatcher that does not run: nothing ticks, and only what a test does happens.
func still() (*Dispatcher, *counted) {
	d := &Dispatcher{cfg: Config{Metrics: NewMetrics(nil)}}
	queue := &counted{}
	d.schedule = schedule.New(schedule.Config{
		Discipline: func(predict func(bulk.BatchRef) time.Duration) schedule.Discipline {
			queue.Queue = drr.New(drr.Config{Cost: predict})
			return queue
		},
		PartitionOf: func(bulk.AccountID) int32 { return 0 }, Observer: observer{d},
	})
	return d, queue
}

// add lets batches come together.
func (d *Dispatcher) add(batches int) { d.addOf(batches, 1) }

// addOf is add with so many rows a batch.
func (d *Dispatcher) addOf(batches int, rows int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range batches {
		d.schedule.Add(time.Now(), bulk.BatchRef{Account: "a", Import: "i", No: int64(d.schedule.Jobs()), Rows: rows}, nil)
	}
}

// Who waits for work is woken by work, and until then nobody looks for it.
func TestWaitersAreWokenByWorkAlone(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, d *Dispatcher) error{
		"demand": func(ctx context.Context, d *Dispatcher) error {
			d.AwaitDemand(ctx, drr.Demand{})
			return ctx.Err()
		},
		"lease": func(ctx context.Context, d *Dispatcher) error {
			_, err := d.Lease(ctx, "node")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, queue := still()
				begun := time.Now()
				const callers = 3
				woken := make(chan time.Duration)
				for range callers {
					go func() {
						if err := wait(t.Context(), d); err != nil {
							t.Error(err)
						}
						woken <- time.Since(begun)
					}()
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if asked := queue.asked.Load(); asked != callers {
					t.Errorf("the queue was asked %d times while nothing came, want once by each of %d callers", asked, callers)
				}
				d.add(callers) // at once, as references come
				for range callers {
					if at := <-woken; at != time.Hour {
						t.Errorf("woken after %v, want as the batches came", at)
					}
				}
			})
		})
	}
}

// That there is more work, or a newcomer, is told at once, also if there was as much when
// the call began and less meanwhile; that there is less, when the call ends.
func TestRiseIsToldAtOnce(t *testing.T) {
	const step, patience = 50 * time.Millisecond, 250 * time.Millisecond
	for _, tt := range []struct {
		name    string
		known   drr.Demand
		changes []drr.Demand // a step apart
		want    drr.Demand
		after   time.Duration
	}{
		{"more in the round", drr.Demand{Round: 3}, []drr.Demand{{Round: 4}}, drr.Demand{Round: 4}, step},
		{"a newcomer", drr.Demand{Round: 9}, []drr.Demand{{Round: 3, Ahead: 1}}, drr.Demand{Round: 3, Ahead: 1}, step},
		{"another newcomer", drr.Demand{Round: 9, Ahead: 1}, []drr.Demand{{Round: 3, Ahead: 1}, {Round: 3}, {Round: 3, Ahead: 1}}, drr.Demand{Round: 3, Ahead: 1}, 3 * step},
		{"less", drr.Demand{Round: 9, Ahead: 1}, nil, drr.Demand{Round: 3}, patience},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, queue := still()
				now := drr.Demand{Round: 3, Ahead: tt.known.Ahead}
				if tt.changes == nil {
					now.Ahead = 0
				}
				queue.due = &now
				for i, change := range tt.changes {
					time.AfterFunc(time.Duration(i+1)*step, func() {
						d.mu.Lock()
						*queue.due = change
						d.mu.Unlock()
						d.add(1)
					})
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				begun := time.Now()
				if got := d.AwaitDemand(ctx, tt.known); got != tt.want || time.Since(begun) != tt.after {
					t.Errorf("told %+v after %v, want %+v after %v", got, time.Since(begun), tt.want, tt.after)
				}
			})
		})
	}
}

// Work that comes after all that was known has been leased is told at once, and not only
// when the call ends.
func TestRiseAfterLeasesIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := still()
		lease := func(batches int) {
			for range batches {
				if _, err := d.Lease(t.Context(), "node"); err != nil {
					t.Error(err)
				}
			}
		}
		const allowance = 8 // batches of most rows, after which an account is no newcomer
		d.addOf(allowance+5, bulk.MaxBatchRows)
		lease(allowance)
		known := d.Demand()
		if known.Ahead > 0 || known.Round == 0 {
			t.Fatalf("%+v is due, want some in the round", known)
		}
		time.AfterFunc(50*time.Millisecond, func() { lease(5) })
		time.AfterFunc(100*time.Millisecond, func() { d.addOf(1, bulk.MaxBatchRows) })
		ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if got := d.AwaitDemand(ctx, known); !got.Any() || time.Since(begun) != 100*time.Millisecond {
			t.Errorf("told %+v after %v, want the new batch after 100ms", got, time.Since(begun))
		}
	})
}
