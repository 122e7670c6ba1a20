package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// The targets.
const (
	targetTook       = 1.5  // small p99 beside whales ÷ alone, beside an attacker ÷ beside an honest account
	targetThroughput = 0.98 // of first come, first served
	targetJain       = 0.99 // of equal whales, in every minute
	targetShare      = 5.0  // % off a due share
	targetGap        = 10.0 // s, of accounts whose dispatcher died
	targetGain       = 1.10 // an attacker's slot time ÷ an honest account's
	targetVictims    = 0.90 // of what an honest account is entitled to
	targetFlood      = 2.0  // small import beside reads ÷ beside a process that burns as much CPU
)

// tables writes what is recorded as Markdown.
type tables struct {
	w io.Writer
	*record
	before *record // whose figures stand beside; empty where there is none
}

// write shows every scenario that was ever run, beside its targets.
func (t tables) write() {
	fmt.Fprintf(t.w, "## Fairness, %s\n\n%d CPUs, %d slots, batches of %d rows; every count of every import, and the usage of every account, exact.",
		t.At.Format("2006-01-02 15:04 MST"), t.CPUs, t.Slots, t.BatchRows)
	fmt.Fprintf(t.w, " When four accounts have the cluster for themselves, a batch takes %.0f ms of a slot, and %.1f are committed a second.\n\n", t.Cost.SlotMS, t.Cost.PerSecond)
	if t.NoisyNeighbour != nil {
		t.noisyNeighbour()
	}
	if t.Attack != nil {
		t.attack()
	}
	if t.Reads != nil {
		t.reads()
	}
	if t.Weights != nil {
		t.shares("weights", t.Weights, t.before.Weights)
	}
	if t.Sybil != nil {
		t.shares("one account with many imports", t.Sybil, t.before.Sybil)
	}
	if t.Caps != nil {
		t.caps(*t.Caps)
	}
	if t.Failover != nil {
		t.failover(*t.Failover)
	}
}

func (t tables) shares(title string, s, before *sharing) {
	t.row(title, "weight", "batches", "slot time", "share", "due")
	t.rule(6)
	for _, p := range s.Parts {
		t.row(p.Name, p.Weight, p.Batches, fmt.Sprintf("%.1f s", p.SlotS), fmt.Sprintf("%.4f", p.Share), fmt.Sprintf("%.4f", p.Due))
	}
	t.verdicts()
	t.atMost(fmt.Sprintf("%s: farthest off its due, %% over %.0f s", title, s.Seconds), orZero(before).Worst, s.Worst, targetShare)
	fmt.Fprintln(t.w)
}

func (t tables) caps(c capsResult) {
	t.row("held back", "batches/s of all, each round")
	t.rule(2)
	for _, v := range []struct {
		name   string
		rounds []sharing
	}{{"nobody", c.Alone}, {"a paused account", c.Paused}, {"one account, to one slot", c.Capped}} {
		rates := make([]string, len(v.rounds))
		for i, s := range v.rounds {
			rates[i] = fmt.Sprintf("%.1f", s.PerSec)
		}
		t.row(v.name, strings.Join(rates, ", "))
	}
	t.verdicts()
	was := orZero(t.before.Caps)
	t.atLeast("throughput beside a paused account ÷ without", was.PausedOverAlone, c.PausedOverAlone, targetThroughput)
	t.atLeast("throughput with an account held to one slot ÷ without", was.CappedOverAlone, c.CappedOverAlone, targetThroughput)
	t.figure("share of the account held to one slot", was.CappedShare, c.CappedShare)
	fmt.Fprintln(t.w)
}

func (t tables) failover(f failoverResult) {
	fmt.Fprintf(t.w, "The dispatcher of %d of %d accounts is killed, then processors come and go; %d rows.\n", f.Orphans, f.Accounts, f.Rows)
	t.verdicts()
	was := orZero(t.before.Failover)
	t.atMost("longest gap between commits of an account of the dead, s", was.OrphanGap, f.OrphanGap, targetGap)
	t.figure("the same, of other accounts", was.OtherGap, f.OtherGap)
	t.figure("the same, of any account, while processors come and go", was.ScaleGap, f.ScaleGap)
	for _, s := range f.Rates {
		t.figure(fmt.Sprintf("batches/s with %d processors", s.Processors), 0, s.PerSec)
	}
	fmt.Fprintln(t.w)
}

func (t tables) verdicts() {
	fmt.Fprintln(t.w)
	t.row("", "before", "measured", "target", "")
	t.rule(5)
}

func (t tables) atMost(what string, before, got, target float64) {
	t.verdict(what, before, got, bar{fmt.Sprintf("≤ %g", target), got <= target})
}

func (t tables) atLeast(what string, before, got, target float64) {
	t.verdict(what, before, got, bar{fmt.Sprintf("≥ %g", target), got >= target})
}

// figure has no target.
func (t tables) figure(what string, before, got float64) {
	t.row(what, some("%g", before), got, "", "")
}

// bar is a target, and whether it was met.
type bar struct {
	target string
	met    bool
}

// verdict says whether a target was met. What is measured is never exactly 0, so that 0 is
// what a run that ended early left.
func (t tables) verdict(what string, before, got float64, b bar) {
	word := "met"
	switch {
	case got == 0:
		word = "**not measured**"
	case !b.met:
		word = "**missed**"
	}
	t.row(what, some("%g", before), got, b.target, word)
}

func (t tables) row(cells ...any) {
	for _, c := range cells {
		fmt.Fprintf(t.w, "| %v ", c)
	}
	fmt.Fprintln(t.w, "|")
}

func (t tables) rule(columns int) { fmt.Fprintln(t.w, strings.Repeat("| --- ", columns)+"|") }

// String shows the shares of waits that were over within their estimates.
func (c calibration) String() string {
	if c.Waits == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f, %.2f of %d", float64(c.Median)/float64(c.Waits), float64(c.Upper)/float64(c.Waits), c.Waits)
}

// some formats what was measured, and shows nothing where it was not.
func some(format string, x float64) string {
	if x == 0 {
		return "-"
	}
	return fmt.Sprintf(format, x)
}

func least(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	return slices.Min(all)
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// find returns the item of which it is true, or nothing.
func find[T any](all []T, is func(T) bool) (found T) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		found = all[i]
	}
	return found
}
