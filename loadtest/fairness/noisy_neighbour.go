package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cost is what a batch costs when four accounts have the cluster for themselves.
type cost struct {
	Batches   int     `json:"batches"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"batches_per_second"`
	SlotMS    float64 `json:"slot_ms_per_batch"`
	SlotUse   float64 `json:"slot_use"` // share of all slots' time that batches took

	ImportsPerSecond float64 `json:"small_imports_per_second"` // that make the load
}

// neighbourRun is one of alone, fifo and fair.
type neighbourRun struct {
	Order    string             `json:"order"`
	Whales   int                `json:"whales"`
	Each     int64              `json:"batches_each"`
	Took     quantiles          `json:"small_import"` // from before its request to its end
	Splits   splits             `json:"small_import_splits"`
	CPUs     map[string]float64 `json:"cpus"`
	PerSec   float64            `json:"rows_per_second,omitempty"` // while every whale had work waiting
	SlotMS   float64            `json:"slot_ms_per_batch,omitempty"`
	SlotUse  float64            `json:"slot_use,omitempty"`
	Load     float64            `json:"small_share,omitempty"` // of the slot time used then
	Jain     []float64          `json:"jain_minutes,omitempty"`
	JainRows []float64          `json:"jain_rows_minutes,omitempty"` // of rows, not of slot time

	Late        int         `json:"small_after_whales"` // small imports that ended when a whale had nothing waiting; not measured
	Calibration calibration `json:"estimates"`
}

// neighbourResult is the small imports' lot beside so many whales.
type neighbourResult struct {
	Whales     int            `json:"whales"`
	Runs       []neighbourRun `json:"runs"` // fair, and fifo if it was run
	Took       ratios         `json:"small_import_fair_over_alone"`
	Slowdown   slowdown       `json:"small_import_slowdown"`
	Tail       slowdown       `json:"slowest_small_import_slowdown"` // of the slowest twentieth
	TookFIFO   ratios         `json:"small_import_fifo_over_alone,omitzero"`
	Throughput float64        `json:"throughput_fair_over_fifo,omitempty"`
}

// noisyNeighbour compares small imports alone with those beside whales, served fairly and, beside the
// most of them, first come first served. The arrivals are the same each time.
func (b *bench) noisyNeighbour(ctx context.Context, r *record) error {
	times := arrivals(b.seed, b.imports, r.Cost.ImportsPerSecond)
	alone, err := b.neighbourRun(ctx, "alone", 0, times)
	if err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	r.Alone, r.NoisyNeighbour = &alone, nil
	words := strings.Split(b.whales, ",")
	for i, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("-whales: %w", err)
		}
		res := neighbourResult{Whales: n}
		orders := []string{"fair", "fifo"}
		if i < len(words)-1 {
			orders = orders[:1]
		}
		for _, order := range orders {
			run, err := b.neighbourRun(ctx, order, n, times)
			if err != nil {
				return fmt.Errorf("%s beside %d: %w", order, n, err)
			}
			res.Runs = append(res.Runs, run)
		}
		res.compare(alone)
		r.NoisyNeighbour = append(r.NoisyNeighbour, res)
	}
	return nil
}

func (res *neighbourResult) compare(alone neighbourRun) {
	fair := res.Runs[0]
	res.Took = fair.Took.over(alone.Took)
	res.Slowdown, res.Tail = fair.Splits.All.over(alone.Splits.All), fair.Splits.Slowest.over(alone.Splits.Slowest)
	if len(res.Runs) > 1 {
		fifo := res.Runs[1]
		res.TookFIFO, res.Throughput = fifo.Took.over(alone.Took), round(fair.PerSec/fifo.PerSec)
	}
}

// measureCost lets four accounts import a large file each. The first half does not count: everything has
// just begun.
func (b *bench) measureCost(ctx context.Context) (c cost, err error) {
	if err := b.order(ctx, "fair"); err != nil {
		return c, err
	}
	in, err := b.newDataset(ctx, "cost", 0)
	if err != nil {
		return c, err
	}
	w, err := b.stage(ctx, in, slices.Repeat([]share{{name: "cost", weight: 1, batches: 75}}, 4)...)
	if err != nil {
		return c, err
	}
	if _, err := b.release(ctx); err != nil {
		return c, err
	}
	if err := settle(ctx, false, w...); err != nil {
		return c, err
	}
	var all []batch
	for _, a := range w {
		all = append(all, a.batches()...)
	}
	slices.SortFunc(all, func(a, b batch) int { return a.Committed.Compare(b.Committed) })
	from, to := all[len(all)/2].Committed, lastCommit(all)
	took, slots := to.Sub(from).Seconds(), sum(used(w, from, to))
	c = cost{Batches: len(all), Seconds: round(took), PerSecond: round(float64(len(all)-len(all)/2) / took), SlotUse: round(slots / took / float64(b.slots))}
	c.SlotMS = meanBatchMS(w, from, to)
	c.ImportsPerSecond = round(b.load * c.PerSecond / meanSmall)
	b.say("a batch takes %.1f ms of a slot, %.1f a second; %.2f small imports a second are %.0f %%", c.SlotMS, c.PerSecond, c.ImportsPerSecond, 100*b.load)
	return c, b.clear(ctx)
}

// neighbourRun sends the small imports at their times, beside n whales or alone.
func (b *bench) neighbourRun(ctx context.Context, order string, n int, times []time.Duration) (run neighbourRun, err error) {
	run = neighbourRun{Order: order, Whales: n}
	if n > 0 {
		run.Each = b.cost.whaleBatches(n, times)
	}
	if err := b.order(ctx, strings.Replace(order, "alone", "fair", 1)); err != nil {
		return run, err
	}
	in, err := b.newDataset(ctx, fmt.Sprintf("%s_%d", order, n), 0)
	if err != nil {
		return run, err
	}
	small, err := b.smallAccounts(ctx, in)
	if err != nil {
		return run, err
	}
	p := play{small: small, times: times, cut: order == "fair"}
	if p.whales, err = b.stage(ctx, in, slices.Repeat([]share{{name: "whale", weight: 1, batches: run.Each, imports: int64(max(4/max(n, 1), 1))}}, n)...); err != nil {
		return run, err
	}
	if err := b.play(ctx, &p); err != nil {
		return run, err
	}
	run.judge(p, b.slots)
	b.say("%s beside %d: small p50 %.0f ms, p99 %.0f ms, of it %+v; %.0f rows/s", order, n, run.Took.P50, run.Took.P99, run.Splits, run.PerSec)
	return run, b.clear(ctx)
}

// headStart is how long whales run before the first small import.
const headStart = 2 * time.Second

// whaleBatches is how much each of n whales needs so that all outlast the small imports: what is
// left then is cancelled.
func (c cost) whaleBatches(n int, times []time.Duration) int64 {
	lasts := headStart + times[len(times)-1] + 4*time.Second
	return int64(math.Ceil(1.1 * c.PerSecond * lasts.Seconds() / float64(max(n, 1))))
}

// judge computes a run's figures, of as many slots.
func (run *neighbourRun) judge(p play, slots int) {
	var counted []*importing
	busy := p.until()
	for _, i := range p.sent {
		if run.Order == "fair" && i.imp.FinishedAt.After(busy) {
			run.Late++
			continue
		}
		counted = append(counted, i)
	}
	run.Took, run.Splits, run.CPUs, run.Calibration = quantilesOf(durations(counted)), splitsOf(counted), p.cpus, p.calibration
	if len(p.whales) == 0 {
		return
	}
	from := p.begun.Add(headStart)
	all := append(slices.Clone(p.whales), p.small...)
	slotS, seconds := sum(used(all, from, busy)), busy.Sub(from).Seconds()
	run.SlotUse = round(slotS / seconds / float64(slots))
	run.Load = round(sum(used(p.small, from, busy)) / slotS)
	run.PerSec = round(sum(rowsOf(all, from, busy)) / seconds)
	run.SlotMS = meanBatchMS(p.whales, from, busy)
	if len(p.whales) > 1 && run.Order == "fair" {
		run.Jain, run.JainRows = got(used).minutes(p.whales, from, busy), got(rowsOf).minutes(p.whales, from, busy)
	}
}

// meanBatchMS is the mean slot time of the batches that were committed between two times.
func meanBatchMS(w whales, from, to time.Time) float64 {
	var n, total float64
	for _, a := range w {
		for _, b := range a.batches() {
			if b.Committed.After(from) && !b.Committed.After(to) {
				n++
				total += ms(b.service())
			}
		}
	}
	return round(total / max(n, 1))
}
