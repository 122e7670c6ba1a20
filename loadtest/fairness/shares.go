package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// part is what one account got while all had work waiting.
type part struct {
	Name    string  `json:"name"`
	Weight  int     `json:"weight"`
	Batches int     `json:"batches"`     // that ended then
	SlotS   float64 `json:"slot_s"`      // slot time, in seconds
	Due     float64 `json:"due_share"`   // by its weight
	Share   float64 `json:"share"`       // of the slot time
	Off     float64 `json:"off_percent"` // of its due share
}

// sharing is a scenario in which accounts that always have work share the slots.
type sharing struct {
	Seconds float64 `json:"seconds"` // while all had work waiting
	PerSec  float64 `json:"batches_per_second"`
	Parts   []part  `json:"parts"`
	Worst   float64 `json:"worst_off_percent"`
}

// settling is how long shares are not looked at after the release: dispatchers have just
// begun to learn what a batch takes, and every account is new and runs its allowance of
// five quanta ahead of the round, which takes 5 s for weights of 15 at four slots.
const settling = 6 * time.Second

// together stages the accounts' files, lets all run at once, and measures what each got
// while all had work waiting. Held accounts, those with a cap of zero, take no part.
func (b *bench) together(ctx context.Context, name string, settling time.Duration, shares ...share) (s sharing, err error) {
	in, err := b.newDataset(ctx, name, 0)
	if err != nil {
		return s, err
	}
	w, err := b.stage(ctx, in, shares...)
	if err != nil {
		return s, err
	}
	begun, err := b.release(ctx)
	if err != nil {
		return s, err
	}
	var running whales
	var parts []part
	for i, a := range w {
		if shares[i].cap == nil || *shares[i].cap > 0 {
			running = append(running, a)
			parts = append(parts, part{Name: shares[i].name, Weight: shares[i].weight})
		}
	}
	if err := settle(ctx, false, running...); err != nil {
		return s, err
	}
	for _, a := range w { // what was held is to be exact as well
		if err := b.change(ctx, a, map[string]any{"cap": nil}); err != nil {
			return s, err
		}
	}
	if !running.allBusyUntil().After(begun.Add(settling)) {
		return s, errors.New("an account had nothing waiting before shares had settled: use a greater -scale")
	}
	if err := settle(ctx, false, w...); err != nil {
		return s, err
	}
	return shareOut(running, parts, begun.Add(settling)), b.clear(ctx)
}

// shareOut measures what accounts got from a time on until one had nothing waiting.
func shareOut(w whales, parts []part, from time.Time) sharing {
	to := w.allBusyUntil()
	s := sharing{Seconds: round(to.Sub(from).Seconds()), Parts: parts}
	slots := used(w, from, to)
	weights, total, batches := 0, 0.0, 0
	for i, a := range w {
		weights += parts[i].Weight
		total += slots[i]
		parts[i].Batches = ended(a.batches(), from, to)
		batches += parts[i].Batches
	}
	for i := range parts {
		p := &parts[i]
		p.SlotS, p.Due, p.Share = round(slots[i]), round(float64(p.Weight)/float64(weights)), round(slots[i]/total)
		p.Off = round(100 * (slots[i]/total*float64(weights)/float64(p.Weight) - 1))
		s.Worst = max(s.Worst, math.Abs(p.Off))
	}
	s.PerSec = round(float64(batches) / s.Seconds)
	return s
}

// ended counts the batches that were committed between two times.
func ended(batches []batch, from, to time.Time) (n int) {
	for _, b := range batches {
		if b.Committed.After(from) && !b.Committed.After(to) {
			n++
		}
	}
	return n
}

// many is what one account gets through by itself in so many seconds, in batches, scaled.
func (b *bench) many(seconds float64) int64 {
	return max(int64(seconds*b.cost.PerSecond*b.scale), 12)
}

// weights lets four accounts with the weights 1, 2, 4 and 8 share. Each has work for the
// same time.
func (b *bench) weights(ctx context.Context, r *record) error {
	if err := b.order(ctx, "fair"); err != nil {
		return err
	}
	var shares []share
	for _, w := range []int{1, 2, 4, 8} {
		shares = append(shares, share{name: fmt.Sprintf("weight %d", w), weight: w, batches: b.many(2.5) * int64(w)})
	}
	s, err := b.together(ctx, "weights", settling, shares...)
	r.Weights = &s
	return err
}

// sybil lets an account that cut its file into a thousand imports share with one that
// did not.
func (b *bench) sybil(ctx context.Context, r *record) error {
	if err := b.order(ctx, "fair"); err != nil {
		return err
	}
	n := b.many(20)
	s, err := b.together(ctx, "sybil", settling,
		share{name: fmt.Sprintf("%d imports", n), weight: 1, batches: n, imports: n},
		share{name: "1 import", weight: 1, batches: n})
	r.Sybil = &s
	return err
}

// capsResult compares two accounts by themselves with the same two beside one that may not
// run, and beside one that may use one slot.
type capsResult struct {
	Alone, Paused, Capped []sharing // of each round
	PausedOverAlone       float64   `json:"throughput_beside_paused"` // median over median
	CappedOverAlone       float64   `json:"throughput_beside_capped"`
	CappedShare           float64   `json:"capped_share"` // of the slot time
}

// capRounds is how often each is measured, in turn in another order, so that neither the
// order nor a moment in which the machine is slow decides.
const capRounds = 5

// heldBack is two accounts, and how a third beside them is held back.
type heldBack struct {
	name string
	into *[]sharing
	with []share
}

// caps wants that an account that is held back costs others nothing.
func (b *bench) caps(ctx context.Context, r *record) error {
	if err := b.order(ctx, "fair"); err != nil {
		return err
	}
	n := b.many(4)
	others := []share{{name: "a", weight: 1, batches: n}, {name: "b", weight: 1, batches: n}}
	res := &capsResult{}
	ways := []heldBack{
		{"alone", &res.Alone, nil},
		{"paused", &res.Paused, []share{{name: "paused", weight: 1, batches: n / 4, cap: new(0)}}},
		{"capped", &res.Capped, []share{{name: "capped at 1", weight: 1, batches: n, cap: new(1)}}},
	}
	for round := range capRounds {
		for i := range ways {
			v := ways[(round+i)%len(ways)]
			s, err := b.together(ctx, "caps_"+v.name, headStart, append(slices.Clone(others), v.with...)...)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			*v.into = append(*v.into, s)
		}
	}
	res.PausedOverAlone = round(medianRate(res.Paused) / medianRate(res.Alone))
	res.CappedOverAlone = round(medianRate(res.Capped) / medianRate(res.Alone))
	for _, s := range res.Capped {
		res.CappedShare = max(res.CappedShare, s.Parts[2].Share)
	}
	r.Caps = res
	return nil
}

func medianRate(rounds []sharing) float64 {
	rates := make([]float64, len(rounds))
	for i, s := range rounds {
		rates[i] = s.PerSec
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}
