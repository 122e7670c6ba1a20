// Package simulate shows what the scheduler promises: it runs whole clusters of nodes,
// dispatchers and accounts under a simulated clock, with [schedule.Scheduler] and
// [schedule.Node] as they are in production, beside the obvious alternatives.
//
//	accounts ──stage──▶ partitions ──▶ dispatchers (a Scheduler each) ◀─ask─ nodes × slots
//	    ▲                                   │ over drr.Queue, or a Design to compare with
//	    └──────────── ledger ◀──commit──────┴── an attempt takes a drawn time
//
// A run is pure: no wall clock, no goroutine, no I/O, no chance but its seed, so the same
// scene, design and seed give the same figures again. [Run] does many at once.
//
// The model, and why it is like this:
//   - Time is in nanoseconds from the start of a run; events are in a heap.
//   - A batch has 8,000 rows and takes 200 ms on average, 25 µs a row. Its time varies by
//     two lognormal factors with mean 1: one of σ = 0.15 that stays with the batch (its
//     content) and one of σ = 0.20 that each attempt draws anew (the circumstances),
//     together a coefficient of variation of 0.25. Service times are products of many
//     small influences, for which the lognormal is the usual model (Feitelson, Workload
//     Modeling for Computer Systems Performance Evaluation, 2015).
//   - Imports arrive as Poisson processes (many independent people). A whale always has
//     more batches than the cluster can take.
//   - A node reads the demand of each dispatcher when it starts, every 250 ms and with each lease, hears
//     within 10 ms of work or newcomers where there were none, and picks a dispatcher for each
//     free slot with [schedule.Node], as in processors/lease. A call takes 0.5 ms there and back,
//     and the slot is idle meanwhile. An empty answer costs a slot another call.
//   - Accounts that look for an advantage play a strategy in a closed loop: they send imports,
//     wait for them, think, and send the next. What they say of their batches is theirs to choose: rows
//     and bytes have nothing to do with the time that they take.
//   - A shared database, where a scene has one, does so many batches at a time at full speed, its
//     knee; among more it shares itself, so each takes busy ÷ knee times as long. That is a
//     processor-sharing queue (Kleinrock, 1976), but for a batch that runs: it keeps the time that it
//     had at its beginning.
//   - A dispatcher that dies is noticed after 6 s; its partitions go to others, which fill
//     their queues from the ledger and resume what nodes hold. A lost node is not noticed:
//     its leases end after 30 s.
//
// What it asserts in every run: every staged batch is committed once, none twice, and
// nothing is worked on twice but by intent (a second copy, a lease of a lost node).
//
// What it leaves out: the time of an upload, reads, and caps.
package simulate
