package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (t tables) noisyNeighbour() {
	fmt.Fprintf(t.w, "**Small imports of one to %d batches**, %.2f a second, of %d accounts in turn.\n\n", mostSmall, t.Cost.ImportsPerSecond, t.Accounts)
	t.row("whales", "order", "batches each", "small imports", "p50", "p95", "p99", "rows/s", "a whale's batch", "slots used", "small ones' share", "Jain, worst minute: slot time", "rows", "waits within median, upper estimate")
	t.rule(14)
	runs := []neighbourRun{*t.Alone}
	for _, res := range t.NoisyNeighbour {
		runs = append(runs, res.Runs...)
	}
	for _, r := range runs {
		t.row(r.Whales, r.Order, r.Each, r.Took.N, fmt.Sprintf("%.0f ms", r.Took.P50), fmt.Sprintf("%.0f", r.Took.P95), fmt.Sprintf("%.0f", r.Took.P99),
			some("%.0f", r.PerSec), some("%.0f ms", r.SlotMS), some("%.2f", r.SlotUse), some("%.3f", r.Load), some("%.4f", least(r.Jain)), some("%.4f", least(r.JainRows)), r.Calibration)
	}
	fmt.Fprintln(t.w)
	t.splits(runs)
	t.verdicts()
	for _, res := range t.NoisyNeighbour {
		was := find(t.before.NoisyNeighbour, func(b neighbourResult) bool { return b.Whales == res.Whales })
		beside := fmt.Sprintf("beside %d: ", res.Whales)
		t.atMost(beside+"small import ÷ alone, p99", was.Took.P99, res.Took.P99, targetTook)
		t.figure(beside+"the same, p50", was.Took.P50, res.Took.P50)
		t.figure(beside+"the same, mean", was.Slowdown.Times, res.Slowdown.Times)
		t.figure(beside+"of what it is slower, waiting for a slot", was.Slowdown.Share, res.Slowdown.Share)
		t.figure(beside+"the same, of the slowest twentieth", was.Tail.Share, res.Tail.Share)
		if len(res.Runs) > 1 {
			t.figure(beside+"first come, first served ÷ alone, p99", was.TookFIFO.P99, res.TookFIFO.P99)
			t.atLeast(beside+"throughput ÷ first come, first served", was.Throughput, res.Throughput, targetThroughput)
		}
		if fair := res.Runs[0]; len(fair.Jain) > 0 {
			t.atLeast(fmt.Sprintf("%sJain's index of slot time, least of %d minutes", beside, len(fair.Jain)), leastJain(was), least(fair.Jain), targetJain)
		}
		if late := res.Runs[0].Late; late > 0 {
			t.figure(beside+"small imports that outlasted a whale, not counted", 0, float64(late))
		}
	}
	fmt.Fprintln(t.w)
}

func leastJain(r neighbourResult) float64 {
	if len(r.Runs) == 0 {
		return 0
	}
	return least(r.Runs[0].Jain)
}

// splits shows where the time of small imports goes.
func (t tables) splits(runs []neighbourRun) {
	t.row("a small import on average, of the slowest twentieth; ms", "upload", "to a dispatcher and a processor", "wait for a slot", "batch", "end", "CPUs used by")
	t.rule(7)
	for _, r := range runs {
		all, slow := r.Splits.All, r.Splits.Slowest
		pair := func(a, b float64) string { return fmt.Sprintf("%.0f, %.0f", a, b) }
		t.row(fmt.Sprintf("%s, %d whales", r.Order, r.Whales), pair(all.Upload, slow.Upload), pair(all.Hand, slow.Hand), pair(all.Queue, slow.Queue),
			pair(all.Service, slow.Service), pair(all.End, slow.End), listed(r.CPUs))
	}
}

// listed renders what is worth a look, the greatest first.
func listed(cpus map[string]float64) string {
	names := slices.SortedFunc(maps.Keys(cpus), func(a, b string) int { return int(1000 * (cpus[b] - cpus[a])) })
	var out []string
	for _, n := range names {
		if cpus[n] >= 0.05 {
			out = append(out, fmt.Sprintf("%s %.2f", n, cpus[n]))
		}
	}
	return strings.Join(out, ", ")
}

func (t tables) attack() {
	fmt.Fprintf(t.w, "**An attacker** beside %d honest accounts that have work all the time, and small imports as above.\n\n", honest)
	t.row("strategy", "what it does")
	t.rule(2)
	for _, r := range t.Attack {
		t.row(r.Name, r.About)
	}
	fmt.Fprintln(t.w)
	t.row("strategy", "seconds", "gain, before", "gain", "with helpers", "victims' part of their due, before", "victims' part", "small p50", "p99", "p99, before", "÷ honest, p99", "of it waiting for a slot, on average, of the slowest twentieth", "before", "a batch of it, of others", "Jain: slot time", "rows", "slots used", "done after")
	t.rule(18)
	base := find(t.Attack, func(r attackRun) bool { return r.Name == "honest" })
	for _, r := range t.Attack {
		was := find(t.before.Attack, func(b attackRun) bool { return b.Name == r.Name })
		t.row(r.Name, r.Seconds, some("%.2f", was.Gain), fmt.Sprintf("**%.2f**", r.Gain), fmt.Sprintf("%.2f", r.Together), some("%.2f", was.Victims), fmt.Sprintf("**%.2f**", r.Victims),
			fmt.Sprintf("%.0f ms", r.Took.P50), fmt.Sprintf("%.0f", r.Took.P99), some("%.0f", was.Took.P99), some("%.2f", overHonest(r, base)), queued(r), queued(was),
			fmt.Sprintf("%.0f, %.0f ms", r.AttackerMS, r.HonestMS), r.Jain, r.JainRows, r.SlotUse, some("%.1f s", r.Done))
	}
	t.verdicts()
	worst, bad := worstAttack(t.record), worstAttack(t.before)
	t.atMost("greatest gain", bad.Gain, worst.Gain, targetGain)
	t.atLeast("victims' part of their due, least", bad.Victims, worst.Victims, targetVictims)
	t.atMost("small import's p99 ÷ beside an honest account, greatest", bad.Took.P99, worst.Took.P99, targetTook)
	fmt.Fprintln(t.w)
}

// worstAttack has the worst of each figure; of small imports, ÷ beside an honest account.
func worstAttack(r *record) (w attackRun) {
	base := find(r.Attack, func(r attackRun) bool { return r.Name == "honest" })
	for _, run := range r.Attack {
		if run.Name == base.Name {
			continue
		}
		w.Gain = max(w.Gain, run.Gain)
		if w.Victims == 0 || run.Victims < w.Victims {
			w.Victims = run.Victims
		}
		w.Took.P99 = max(w.Took.P99, overHonest(run, base))
	}
	return w
}

// queued is how long small imports waited for slots.
func queued(r attackRun) string {
	if r.Took.N == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f, %.0f ms", r.Splits.All.Queue, r.Splits.Slowest.Queue)
}

// overHonest is a small import's p99 ÷ that beside an honest account, if that was measured.
func overHonest(run, base attackRun) float64 {
	if base.Took.P99 == 0 {
		return 0
	}
	return round(run.Took.P99 / base.Took.P99)
}

func (t tables) reads() {
	fmt.Fprintf(t.w, "**A flood of reads** by one account, while another imports one to %d batches, again and again: alone %.0f ms at p50, %.0f at p95.\n\n", mostSmall, t.Reads.Alone.P50, t.Reads.Alone.P95)
	t.row("reads", "answers a second, by status", "CPUs that it cost", "CPUs of others, then and beside the control", "small imports", "p50", "p95", "beside as much CPU, p50", "p95", "÷ alone, p95", "÷ as much CPU, p50", "p95", "p95, before", "target", "")
	t.rule(15)
	for _, f := range t.Reads.Floods {
		var answers []string
		for _, status := range slices.Sorted(maps.Keys(f.Answers)) {
			answers = append(answers, fmt.Sprintf("%s: %.1f", status, float64(f.Answers[status])/f.Seconds))
		}
		was := find(orZero(t.before.Reads).Floods, func(b floodRun) bool { return b.Kind == f.Kind })
		word := "met"
		if f.Over.P95 > targetFlood {
			word = "**missed**"
		}
		t.row(f.Kind, strings.Join(answers, ", "), f.Burned, fmt.Sprintf("%.1f, %.1f", f.CPUs["others"], f.Control["others"]), f.Took.N, fmt.Sprintf("%.0f ms", f.Took.P50), fmt.Sprintf("%.0f", f.Took.P95), fmt.Sprintf("%.0f ms", f.Beside.P50), fmt.Sprintf("%.0f", f.Beside.P95),
			fmt.Sprintf("%.2f", f.OverAlone.P95), fmt.Sprintf("%.2f", f.Over.P50), fmt.Sprintf("**%.2f**", f.Over.P95), some("%.2f", was.Over.P95), fmt.Sprintf("≤ %g", targetFlood), word)
	}
	fmt.Fprintln(t.w)
}
