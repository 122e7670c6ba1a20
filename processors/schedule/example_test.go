package schedule_test

import (
	"fmt"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/drr"
	"bulkhead/processors/schedule"
)

// told prints what the scheduler decides.
type told struct{}

func (told) Ended(o bulk.Offset)                   { fmt.Println("offset", o.At, "is done") }
func (told) Expired(l bulk.Lease)                  { fmt.Println("lease of batch", l.Ref.No, "expired") }
func (told) Delayed(bulk.BatchRef, int, time.Time) {}
func (told) Leased(time.Duration, int64)           {}
func (told) Began(_, _, _ time.Duration)           {}
func (told) Copied()                               {}
func (told) Due()                                  {}

// Time is an argument: a node that goes silent loses its lease when the scheduler is
// told that it is late, and another one gets the batch.
func Example() {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	s := schedule.New(schedule.Config{
		PartitionOf: func(bulk.AccountID) int32 { return 0 },
		Observer:    told{},
	})
	s.Assign(now, []int32{0}, nil)
	s.Add(now, bulk.BatchRef{Account: "a", Import: "i", No: 1, Rows: 1000, StagedAt: now}, &bulk.Offset{At: 7})

	a, ok := s.Next(now, "silent", drr.Ask{})
	fmt.Println("silent has it:", ok, "attempt", a.Lease.Attempt)

	now = now.Add(time.Minute)
	s.Tick(now)
	a, ok = s.Next(now, "able", drr.Ask{})
	fmt.Println("able has it:", ok, "attempt", a.Lease.Attempt)

	held := s.Return(now, *a.Lease, bulk.Outcome{Result: bulk.ResultFinished, Service: 20 * time.Millisecond})
	fmt.Println("held:", held)
	// Output:
	// silent has it: true attempt 1
	// lease of batch 1 expired
	// able has it: true attempt 2
	// offset 7 is done
	// held: true
}
