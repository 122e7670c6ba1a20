package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// The targets.
const (
	targetTook       = 1.5  // small p99 beside whales ÷ alone
	targetThroughput = 0.98 // of first come, first served
	targetJain       = 0.99 // of equal whales, in every minute
	targetShare      = 5.0  // % off a due share
	targetGap        = 10.0 // s, of accounts whose dispatcher died
)

// tables writes what is recorded as Markdown.
type tables struct {
	w io.Writer
	*record
}

// write shows every scenario that was ever run, beside its targets.
func (t tables) write() {
	fmt.Fprintf(t.w, "## Fairness, %s\n\n%d CPUs, %d slots, batches of %d rows; every count of every import, and the usage of every account, exact.\n\n",
		t.At.Format("2006-01-02 15:04 MST"), t.CPUs, t.Slots, t.BatchRows)
	if t.NoisyNeighbour != nil {
		t.noisyNeighbour()
	}
	if t.Weights != nil {
		t.shares("weights", *t.Weights)
	}
	if t.Sybil != nil {
		t.shares("one account with many imports", *t.Sybil)
	}
	if t.Caps != nil {
		t.caps(*t.Caps)
	}
	if t.Failover != nil {
		t.failover(*t.Failover)
	}
}

func (t tables) noisyNeighbour() {
	c := t.Cost
	fmt.Fprintf(t.w, "A batch takes %.1f ms of a slot; alone, one account gets %.0f a second through. %.2f small imports of %d batches a second, %d accounts in turn.\n\n",
		c.SlotMS, c.PerSecond, c.ImportsPerSecond, smallBatches, t.Accounts)
	t.row("whales", "order", "batches each", "small imports", "import p50", "p95", "p99", "wait p50", "p95", "p99", "rows/s", "slots used", "small ones' share", "Jain, worst minute", "waits within median, upper estimate")
	t.rule(15)
	for _, res := range t.NoisyNeighbour {
		for _, r := range res.Runs {
			t.row(r.Whales, r.Order, r.Each, r.Took.N, fmt.Sprintf("%.0f ms", r.Took.P50), fmt.Sprintf("%.0f", r.Took.P95), fmt.Sprintf("%.0f", r.Took.P99),
				fmt.Sprintf("%.0f ms", r.Phases.Wait.P50), fmt.Sprintf("%.0f", r.Phases.Wait.P95), fmt.Sprintf("%.0f", r.Phases.Wait.P99),
				some("%.0f", r.PerSec), some("%.2f", r.SlotUse), some("%.3f", r.Load), some("%.4f", least(r.Jain)), r.Calibration)
		}
	}
	fmt.Fprintln(t.w)
	t.row("small imports, p50 and p99 in ms", "upload, first batch staged", "wait for a slot", "batches", "end")
	t.rule(5)
	for _, res := range t.NoisyNeighbour {
		for _, r := range res.Runs {
			t.row(fmt.Sprintf("%s, %d whales", r.Order, r.Whales), r.Phases.Upload, r.Phases.Wait, r.Phases.Work, r.Phases.End)
		}
	}
	t.verdicts()
	for _, res := range t.NoisyNeighbour {
		fair, beside := res.Runs[2], fmt.Sprintf("beside %d: ", res.Whales)
		t.verdict(beside+"small import ÷ alone, p99", res.TookFair.P99, fmt.Sprintf("≤ %g", targetTook), res.TookFair.P99 <= targetTook)
		t.row(beside+"the same, p50", res.TookFair.P50, "", "")
		t.row(beside+"the same, first come, first served, p99", res.TookFIFO.P99, "", "")
		t.verdict(beside+"throughput ÷ first come, first served", res.Throughput, fmt.Sprintf("≥ %g", targetThroughput), res.Throughput >= targetThroughput)
		if len(fair.Jain) > 0 {
			t.verdict(fmt.Sprintf("%sJain's index, least of %d minutes", beside, len(fair.Jain)), least(fair.Jain), fmt.Sprintf("≥ %g", targetJain), least(fair.Jain) >= targetJain)
		}
		if fair.Late > 0 {
			t.row(beside+"small imports that outlasted a whale, not counted", fair.Late, "", "")
		}
	}
	fmt.Fprintln(t.w)
}

func (t tables) shares(title string, s sharing) {
	t.row(title, "weight", "batches", "slot time", "share", "due")
	t.rule(6)
	for _, p := range s.Parts {
		t.row(p.Name, p.Weight, p.Batches, fmt.Sprintf("%.1f s", p.SlotS), fmt.Sprintf("%.4f", p.Share), fmt.Sprintf("%.4f", p.Due))
	}
	t.verdicts()
	t.verdict(fmt.Sprintf("%s: farthest off its due, %% over %.0f s", title, s.Seconds), s.Worst, fmt.Sprintf("≤ %g", targetShare), s.Worst <= targetShare)
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
	want := fmt.Sprintf("≥ %g", targetThroughput)
	t.verdict("throughput beside a paused account ÷ without", c.PausedOverAlone, want, c.PausedOverAlone >= targetThroughput)
	t.verdict("throughput with an account held to one slot ÷ without", c.CappedOverAlone, want, c.CappedOverAlone >= targetThroughput)
	t.row("share of the account held to one slot", c.CappedShare, "", "")
	fmt.Fprintln(t.w)
}

func (t tables) failover(f failoverResult) {
	fmt.Fprintf(t.w, "The dispatcher of %d of %d accounts is killed, then processors come and go; %d rows.\n", f.Orphans, f.Accounts, f.Rows)
	t.verdicts()
	t.verdict("longest gap between commits of an account of the dead, s", f.OrphanGap, fmt.Sprintf("≤ %g", targetGap), f.OrphanGap <= targetGap)
	t.row("the same, of other accounts", f.OtherGap, fmt.Sprintf("before: %g", f.Before), "")
	t.row("the same, of any account, while processors come and go", f.ScaleGap, "", "")
	for _, s := range f.Rates {
		t.row(fmt.Sprintf("batches/s with %d processors", s.Processors), s.PerSec, "", "")
	}
	fmt.Fprintln(t.w)
}

func (t tables) verdicts() {
	fmt.Fprintln(t.w)
	t.row("", "measured", "target", "")
	t.rule(4)
}

// verdict says whether a target was met. What is measured is never exactly 0, so that 0 is
// what a run that ended early left.
func (t tables) verdict(what string, got float64, want string, met bool) {
	word := "met"
	switch {
	case got == 0:
		word = "**not measured**"
	case !met:
		word = "**missed**"
	}
	t.row(what, got, want, word)
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
