package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cost is what a batch costs when one account has the cluster for itself.
type cost struct {
	Batches   int64   `json:"batches"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"batches_per_second"`
	SlotMS    float64 `json:"slot_ms_per_batch"`
	SlotUse   float64 `json:"slot_use"` // share of all slots' time that batches took

	ImportsPerSecond float64 `json:"small_imports_per_second"` // that make the load
}

// neighbourRun is one of alone, fifo and fair.
type neighbourRun struct {
	Order   string    `json:"order"`
	Whales  int       `json:"whales"`
	Each    int64     `json:"batches_each"`
	Took    quantiles `json:"small_import"` // from before its request to its end
	Phases  phases    `json:"small_import_phases"`
	Rows    int64     `json:"rows"` // all exact
	PerSec  float64   `json:"rows_per_second,omitempty"`
	SlotUse float64   `json:"slot_use,omitempty"`    // while every whale had work waiting
	Load    float64   `json:"small_share,omitempty"` // of the slot time used then
	Jain    []float64 `json:"jain_minutes,omitempty"`

	Late        int         `json:"small_after_whales"` // small imports that ended when a whale had nothing waiting; not measured
	Calibration calibration `json:"estimates"`
}

// neighbourResult is the small imports' lot beside so many whales.
type neighbourResult struct {
	Whales     int            `json:"whales"`
	Runs       []neighbourRun `json:"runs"`
	TookFIFO   ratios         `json:"small_import_fifo_over_alone"`
	TookFair   ratios         `json:"small_import_fair_over_alone"`
	WaitedFair ratios         `json:"small_wait_fair_over_alone"`
	Throughput float64        `json:"throughput_fair_over_fifo"`
}

// noisyNeighbour compares small imports alone with those beside whales, served first come first
// served and fairly. The arrivals are the same each time.
func (b *bench) noisyNeighbour(ctx context.Context, r *record) (err error) {
	if r.Cost, err = b.measureCost(ctx); err != nil {
		return err
	}
	r.NoisyNeighbour = nil
	times := arrivals(b.seed, b.imports, r.Cost.ImportsPerSecond)
	for word := range strings.SplitSeq(b.whales, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("-whales: %w", err)
		}
		res := neighbourResult{Whales: n}
		for _, order := range []string{"alone", "fifo", "fair"} {
			run, err := b.neighbourRun(ctx, order, n, times)
			if err != nil {
				return fmt.Errorf("%s beside %d: %w", order, n, err)
			}
			res.Runs = append(res.Runs, run)
		}
		alone, fifo, fair := res.Runs[0], res.Runs[1], res.Runs[2]
		res.TookFIFO, res.TookFair = fifo.Took.over(alone.Took), fair.Took.over(alone.Took)
		res.WaitedFair = fair.Phases.Wait.over(alone.Phases.Wait)
		res.Throughput = round(fair.PerSec / fifo.PerSec)
		r.NoisyNeighbour = append(r.NoisyNeighbour, res)
	}
	return nil
}

// measureCost imports one large file with the cluster for itself. It is long, since a
// table that is still small takes rows faster than the whales' will.
func (b *bench) measureCost(ctx context.Context) (c cost, err error) {
	if err := b.order(ctx, "fair"); err != nil {
		return c, err
	}
	whale := share{name: "cost", weight: 1, batches: max(int64(10*b.imports), 100)}
	dataset, err := b.newDataset(ctx, "cost")
	if err != nil {
		return c, err
	}
	w, err := b.stage(ctx, dataset, whale)
	if err != nil {
		return c, err
	}
	begun, err := b.release(ctx)
	if err != nil {
		return c, err
	}
	if err := settle(ctx, w...); err != nil {
		return c, err
	}
	all := w[0].batches()
	took := lastCommit(all).Sub(begun).Seconds()
	slots := used(w, begun, lastCommit(all))[0]
	c = cost{Batches: whale.batches, Seconds: round(took), PerSecond: round(float64(len(all)) / took), SlotMS: round(1000 * slots / float64(len(all))), SlotUse: round(slots / took / float64(b.slots))}
	c.ImportsPerSecond = round(b.load * c.PerSecond / smallBatches)
	b.say("a batch takes %.1f ms of a slot, %.0f a second; %.2f small imports a second are %.0f %%", c.SlotMS, c.PerSecond, c.ImportsPerSecond, 100*b.load)
	return c, nil
}

// neighbourRun sends the small imports at their times, beside n whales or alone.
func (b *bench) neighbourRun(ctx context.Context, order string, n int, times []time.Duration) (run neighbourRun, err error) {
	run = neighbourRun{Order: order, Whales: n}
	if order == "alone" {
		run.Whales = 0
	} else {
		run.Each = b.whaleBatches(n)
	}
	if err := b.order(ctx, cmp.Or(map[string]string{"fifo": "fifo"}[order], "fair")); err != nil {
		return run, err
	}
	dataset, err := b.newDataset(ctx, fmt.Sprintf("%s_%d", order, n))
	if err != nil {
		return run, err
	}
	small, err := b.smallAccounts(ctx, dataset)
	if err != nil {
		return run, err
	}
	shares := slices.Repeat([]share{{name: "whale", weight: 1, batches: run.Each, imports: int64(max(4/n, 1))}}, run.Whales)
	w, err := b.stage(ctx, dataset, shares...)
	if err != nil {
		return run, err
	}
	begun, err := b.release(ctx)
	if err != nil {
		return run, err
	}
	b.say("%s beside %d: %d small imports over %.0f s", order, n, len(times), times[len(times)-1].Seconds())
	sent, err := stream{small, smallBatches * b.batchRows, begun.Add(headStart), times}.send(ctx)
	if err != nil {
		return run, err
	}
	if err := settle(ctx, append(slices.Clone(small), w...)...); err != nil {
		return run, err
	}
	for _, q := range b.queues(ctx) {
		run.Calibration.add(q.calibration)
	}
	b.judge(&run, played{w, small, sent, begun})
	b.say("%s beside %d: small p50 %.0f ms, p99 %.0f ms; waited p99 %.0f ms; %.0f rows/s", order, n, run.Took.P50, run.Took.P99, run.Phases.Wait.P99, run.PerSec)
	return run, nil
}

// headStart is how long whales run before the first small import.
const headStart = 2 * time.Second

// whaleBatches is how much each of n whales needs so that all outlast the small imports
// by about a sixth of the run.
func (b *bench) whaleBatches(n int) int64 {
	others := float64(b.imports) * smallBatches * (1/b.load - 1)
	return int64(math.Ceil(1.17 * others / float64(n)))
}

// played is who took part in a run that is over.
type played struct {
	whales whales
	small  []*account
	sent   []*importing // by the small ones
	begun  time.Time
}

// judge computes a run's figures.
func (b *bench) judge(run *neighbourRun, p played) {
	w, small, begun := p.whales, p.small, p.begun
	busy := w.allBusyUntil()
	var counted []*importing
	var took []time.Duration
	for _, i := range p.sent {
		if run.Order == "fair" && i.imp.FinishedAt.After(busy) {
			run.Late++
			continue
		}
		counted, took = append(counted, i), append(took, i.duration())
	}
	run.Took, run.Phases = quantilesOf(took), phasesOf(counted)
	var all []batch
	for _, a := range append(slices.Clone(small), w...) {
		all = append(all, a.batches()...)
		run.Rows += a.next - 1
	}
	if len(w) == 0 {
		return
	}
	rows := run.Rows - int64(len(small))*smallBatches*b.batchRows // less those before
	run.PerSec = round(float64(rows) / lastCommit(all).Sub(begun).Seconds())
	slots := 0.0
	for _, s := range used(append(slices.Clone(w), small...), begun, busy) {
		slots += s
	}
	smalls := 0.0
	for _, s := range used(small, begun.Add(headStart), busy) {
		smalls += s
	}
	run.SlotUse = round(slots / busy.Sub(begun).Seconds() / float64(b.slots))
	run.Load = round(smalls / slots)
	if len(w) > 1 && run.Order == "fair" {
		run.Jain = minutes(w, begun, busy, time.Minute)
	}
}

func (c *calibration) add(o calibration) {
	c.Waits += o.Waits
	c.Median += o.Median
	c.Upper += o.Upper
}
