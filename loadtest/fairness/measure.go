package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantiles of times, in milliseconds.
type quantiles struct {
	N   int     `json:"n"`
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

func (q quantiles) String() string { return fmt.Sprintf("%.0f, %.0f", q.P50, q.P99) }

func quantilesOf(times []time.Duration) quantiles {
	if len(times) == 0 {
		return quantiles{}
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(p float64) float64 { // nearest rank
		return ms(sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1])
	}
	return quantiles{len(sorted), at(0.5), at(0.95), at(0.99), at(1)}
}

func ms(d time.Duration) float64 { return round(d.Seconds() * 1000) }

// round keeps three decimals. What divides by nothing was not measured, and is 0.
func round(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return math.Round(x*1000) / 1000
}

// over is a ÷ b for each quantile.
func (q quantiles) over(r quantiles) ratios {
	return ratios{round(q.P50 / r.P50), round(q.P95 / r.P95), round(q.P99 / r.P99)}
}

type ratios struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// jain is Jain's index of shares: 1 when all are equal, 1 ÷ n when one has everything.
func jain(shares []float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 0
	}
	return math.Round(1e4*sum*sum/(float64(len(shares))*squares)) / 1e4
}

// used is the slot time, in seconds, that each account used between two times.
func used(accounts whales, from, to time.Time) []float64 {
	out := make([]float64, len(accounts))
	for i, a := range accounts {
		for _, b := range a.batches() {
			out[i] += b.within(from, to).Seconds()
		}
	}
	return out
}

// rowsOf is how many rows of each account went in between two times. A batch that was
// begun before, or ended after, counts in part.
func rowsOf(accounts whales, from, to time.Time) []float64 {
	out := make([]float64, len(accounts))
	for i, a := range accounts {
		for _, b := range a.batches() {
			out[i] += float64(b.Rows) * b.within(from, to).Seconds() / b.service().Seconds()
		}
	}
	return out
}

func sum(all []float64) (total float64) {
	for _, x := range all {
		total += x
	}
	return total
}

// allBusyUntil is when the first account had nothing waiting any more: its last batch
// began then.
func (w whales) allBusyUntil() time.Time {
	var until time.Time
	for i, a := range w {
		var last time.Time
		for _, b := range a.batches() {
			if b.begun().After(last) {
				last = b.begun()
			}
		}
		if i == 0 || last.Before(until) {
			until = last
		}
	}
	return until
}

// got is what each account got between two times: slot time, or rows.
type got func(accounts whales, from, to time.Time) []float64

// minutes are Jain's indices of it in every minute between two times, or in all that time if
// it is less. Minutes begin five seconds apart, so that no unfair one hides between two fair
// ones.
func (g got) minutes(accounts whales, from, to time.Time) (indices []float64) {
	if to.Sub(from) < time.Minute {
		return []float64{jain(g(accounts, from, to))}
	}
	for at := from; !at.Add(time.Minute).After(to); at = at.Add(time.Minute / 12) {
		indices = append(indices, jain(g(accounts, at, at.Add(time.Minute))))
	}
	return indices
}

// lastCommit is when the last of the batches was committed.
func lastCommit(batches []batch) (last time.Time) {
	for _, b := range batches {
		if b.Committed.After(last) {
			last = b.Committed
		}
	}
	return last
}
