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
// Why, at one dispatcher (D = 0). Write T for an account's virtual time, R for the round's, q =
// Q/w_min for what a round raises R by.
//
//  1. T ≤ R + (k+1)·L/w. In the round an account is given a batch only while T < R, and that
//     charges L/w at most; what its k batches in flight take beyond their charge adds k·L/w.
//  2. T ≥ R − q, but for what is given back of charges that were too high, k·L/w at most. In
//     its turn an account runs until T ≥ R or nothing is left to run. Accounts take turns in the
//     order of one list, and R rises when the first of it has a second turn: once between
//     two turns of any account. One that joins the list begins its first turn with T ≥ R − q. R
//     rises by more only where everybody is in debt, to where the first is not.
//  3. So Tᵢ − Tⱼ stays within an interval that is as long as the bound without A, and S/w differs
//     from the growth of T by what is in flight at either end of the window, which k·L/w covers.
//  4. A newcomer runs ahead of the round while T is less than the mean was when it came, and T is at
//     most an allowance less: A, once. T ≥ V − A at every return also says that nobody ever has more
//     than its fair share, its allowance and what is in flight.
//
// Newcomers are not overtaken meanwhile: the gate gives them at least their weights' part of the slots
// while they wait. That holds of all of them together; among themselves they have turns of 100 ms or a batch.
//
// At two dispatchers, D is what nodes may be wrong by who share their slots among
// dispatchers from what they last heard:
//
//	D = 2·θ + 2·τ·C/W + N·L·(1/W_d + 1/W_e)
//
// C slots at N nodes, W weights that have work, W_d and W_e of them at either dispatcher, τ the age of
// what is known, θ ([Correction]) the lead at which a dispatcher gets next to nothing more. [Picker] gives a
// dispatcher the part W_d·(1 − (V_d − V̄)/θ) of the slots. As Σ W_d·(V_d − V̄) = 0 these parts add up to W, so a
// lead λ = V_d − V̄ obeys λ' = −(C/W)·λ(t−τ)/θ: it dies out without swinging, as θ·W/C ≥ 2τ. Whatever makes
// W_d too large by a factor κ moves where λ rests to θ·(1 − 1/κ), never its rate: helpers gain less than θ,
// once. A node's account of what it gave each dispatcher is off by a batch at most.
//
// 4's "not overtaken" and the last paragraph are arguments about means, not proofs for each
// moment. Package simulate searches for what breaks the bound: bulkhead simulate fairness --attack.
//
// The result is slot time ÷ weight.
func Bound(i, j Backlog, c Contention) time.Duration {
	rounds := 2 * cmp.Or(c.Quantum, defaultQuantum) / time.Duration(cmp.Or(c.Least, 1))
	return rounds + i.Unsettled() + j.Unsettled() + c.apart()
}

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
