package drr

import (
	"cmp"
	"time"
)

// Backlog is what [Bound] has to know of an account that has work which may run throughout
// a window.
type Backlog struct {
	Weight    int           // 1 to [bulk.MaxWeight]
	InFlight  int           // most of its batches in flight at once
	Longest   time.Duration // slot time of its longest batch, or the largest charge if that is more
	Allowance time.Duration // slot time ÷ weight that it may still run ahead of the round when the window begins; 0 in the round
}

// Contention is what else [Bound] has to know of a window. The zero Contention is that of
// accounts of weight 1 at one dispatcher.
type Contention struct {
	Quantum time.Duration // of the queues. Default 250 ms
	Least   int           // weight of an account with work. Default 1

	// Of two accounts at two dispatchers:
	Slots   int           // of all nodes
	Nodes   int           // that choose among dispatchers
	Weight  int           // of the accounts that have work, everywhere: the least of the window
	At      [2]int        // the same at the dispatcher of either account; a zero: they have the same one
	Longest time.Duration // slot time of anybody's longest batch
	Age     time.Duration // of what a node knows of a dispatcher, at most. Default 250 ms
}

// Bound returns how far apart two accounts may be in any window through which both have
// work, whoever else does what: with S the slot time that an account had in it, over
// weight w,
//
//	|Sᵢ/wᵢ − Sⱼ/wⱼ| ≤ 2·Q/w_min + (kᵢ+1)·Lᵢ/wᵢ + (kⱼ+1)·Lⱼ/wⱼ + A + D
//
// Two rounds may be open at either end of the window; what is in flight there (k batches of
// at most L, and the one that overdrew) is used but not yet charged, or the other way round; a
// newcomer has its allowance A. Where both are at one dispatcher D is 0; else it is what nodes may
// be wrong by who share their slots among dispatchers from what they last heard:
//
//	D = 2·θ + 2·τ·C/W + N·L·(1/W_d + 1/W_e)
//
// C slots at N nodes, W weights that have work, W_d and W_e of them at either dispatcher, τ the age of
// what is known, θ ([Correction]) the lead at which a dispatcher gets next to nothing more.
// The result is slot time ÷ weight.
func Bound(i, j Backlog, c Contention) time.Duration {
	rounds := 2 * cmp.Or(c.Quantum, boundQuantum) / time.Duration(cmp.Or(c.Least, 1))
	return rounds + i.Unsettled() + j.Unsettled() + c.apart()
}

const boundQuantum = 250 * time.Millisecond

// Unsettled is what an account may have used and not been charged for, or the other way
// round, and what it may run ahead: its part of the bound.
func (b Backlog) Unsettled() time.Duration {
	return time.Duration(b.InFlight+1)*b.Longest/time.Duration(max(b.Weight, 1)) + b.Allowance
}

// apart is D.
func (c Contention) apart() time.Duration {
	if c.At[0] == 0 || c.At[1] == 0 {
		return 0
	}
	share := float64(c.Slots) / float64(max(c.Weight, 1))
	stale := float64(cmp.Or(c.Age, demandAge)) * share
	oneBatchEach := float64(c.Nodes) * float64(c.Longest) * (1/float64(c.At[0]) + 1/float64(c.At[1]))
	return 2*Correction(c.Slots, c.Weight) + time.Duration(2*stale+oneBatchEach)
}

const demandAge = 250 * time.Millisecond

// Correction is the lead, in slot time ÷ weight over the mean of all dispatchers, at which one gets next
// to nothing more (θ): long enough for what is known of dispatchers to be twice as old as it is.
func Correction(slots, weight int) time.Duration {
	return 250*time.Millisecond + 500*time.Millisecond*time.Duration(slots)/time.Duration(max(weight, 1))
}
