// Package schedule decides everything about batches that wait: which one a slot gets,
// what a lease lasts, when a batch that failed comes again, which slow one gets a second
// copy, what accounts are charged, and what those who wait are told.
//
//	references ─Add─▶ job ─▶ drr.Queue ─Next─▶ lease ─Return─▶ ended
//	ledger ─Steer── weights, caps, pauses, ends ┘      │
//	                       back-off ◀── failed ────────┘
//	Tick: leases that expire, back-offs that are over, batches that lag
//
// It is pure: no clock, no goroutine, no I/O; the time is an argument. It is not safe
// for concurrent use. Package dispatch is its shell in production: a lock, timers and
// ports. Package simulate drives the very same code under a simulated clock.
//
// What it guarantees:
//   - A batch is on lease to one node at a time until its lease ends. A second copy is
//     the exception: on another node, within a budget of one batch in twenty, and
//     whichever ends first ends the batch.
//   - References may come doubled, late or never: a batch is one job, and its references
//     are finished together, once it ended.
//   - What nodes hold when a partition comes here stays theirs and counts as in flight.
//   - Failing batches come again after a back-off that doubles from 0.5 s to 30 s.
package schedule
