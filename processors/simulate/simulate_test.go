package simulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"

	"bulkhead/processors/drr"
)

// brief runs short seeds of experiments.
func brief(t *testing.T, seeds int, only ...string) []Row {
	t.Helper()
	rows, err := Run(t.Context(), Options{Only: only, Seeds: seeds, short: true})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func find(t *testing.T, rows []Row, experiment, setting, measure string) Row {
	t.Helper()
	for _, r := range rows {
		if r.Experiment == experiment && strings.HasPrefix(r.Setting, setting) && r.Measure == measure {
			return r
		}
	}
	t.Fatalf("no row %s, %s, %s", experiment, setting, measure)
	return Row{}
}

// Each experiment meets its target in a short run of a seed or two as well, and the designs
// rank as they must. The figures of the others are what makes a target mean something.
func TestExperimentsMeetTheirTargets(t *testing.T) {
	for _, tt := range []struct {
		only  string
		seeds int
		rank  func(t *testing.T, rows []Row)
	}{
		{"E1", 1, func(t *testing.T, rows []Row) {
			r := find(t, rows, "E1", "100 whales", WhalesMeasure)
			ascending(t, r, "bulkhead", "drr", "nodes", "fifo")
			r = find(t, rows, "E1", "400 whales", WhalesMeasure)
			ascending(t, r, "bulkhead", Ideal, "drr", "nodes", "fifo")
		}},
		{"E2", 1, func(t *testing.T, rows []Row) {
			ascending(t, find(t, rows, "E2", "worst window", "Jain of time ÷ weight"), "fifo", "bulkhead")
		}},
		{"E3", 1, func(t *testing.T, rows []Row) {
			ascending(t, find(t, rows, "E3", "imports of at most", "p99, s"), "bulkhead", "fifo")
		}},
		{"E4", 1, func(t *testing.T, rows []Row) {
			without, with := find(t, rows, "E4", "10 whales, load 50 %, no", WhalesMeasure), find(t, rows, "E4", "10 whales, load 50 %, with", WhalesMeasure)
			if a, b := with.Figures["bulkhead"].Mean, without.Figures["bulkhead"].Mean; a > 0.75*b {
				t.Errorf("second copies make %.2f of %.2f, want much less", a, b)
			}
		}},
		{"E5", 1, nil},
		{"E6", 1, func(t *testing.T, rows []Row) {
			ascending(t, find(t, rows, "E6", "half a minute, nothing", "Jain of time"), "drr", "bulkhead")
		}},
		{"E7", 1, func(t *testing.T, rows []Row) {
			ascending(t, find(t, rows, "E7", "half a minute", "its share off the mean, %"), "bulkhead", "fifo")
		}},
		{"E8", 2, func(t *testing.T, rows []Row) {
			ascending(t, find(t, rows, "E8", "imports with a batch", "slowest, s"), "bulkhead", "drr")
		}},
		{"E9", 1, nil},
	} {
		t.Run(tt.only, func(t *testing.T) {
			t.Parallel()
			rows := brief(t, tt.seeds, tt.only)
			for _, r := range rows {
				if r.Experiment != tt.only {
					t.Errorf("a row of %s, want %s alone", r.Experiment, tt.only)
				}
				if r.Met != nil && !*r.Met && r.Measure != "off its share, %" { // that one needs its minute
					t.Errorf("%s, %s: %+v, want %s", r.Setting, r.Measure, r.Figures["bulkhead"], r.Target)
				}
			}
			if tt.rank != nil {
				tt.rank(t, rows)
			}
		})
	}
}

// What each experiment is there to show, a scheduler that clamps what it believes shows: it
// gains nothing on a workload of short batches only, and loses where accounts look for an advantage.
func TestClampsLetThrough(t *testing.T) {
	for _, tt := range []struct {
		only, setting, measure string
		least, most            float64
	}{
		{"E2b", "832 ms, a minute", "off its share, %", 10, 60},
		{"E11", "a whale with batches of 5 s", "gain", 4, 12},
		{"E12", "4 accounts, batches of 3 ms", "Jain of the whales' time", 0.5, 0.9},
		{"E13", "4 slots, 4 whales of 830 ms", "done ÷ ideal", 10, 30},
	} {
		t.Run(tt.only, func(t *testing.T) {
			t.Parallel()
			r := find(t, brief(t, 1, tt.only), tt.only, tt.setting, tt.measure)
			if got := r.Figures["clamped"].Mean; got < tt.least || got > tt.most {
				t.Errorf("got %.2f, want %v to %v", got, tt.least, tt.most)
			}
		})
	}
}

// ascending wants the figures of designs in this order.
func ascending(t *testing.T, r Row, designs ...string) {
	t.Helper()
	for i := 1; i < len(designs); i++ {
		if a, b := r.Figures[designs[i-1]].Mean, r.Figures[designs[i]].Mean; a >= b {
			t.Errorf("%s, %s: %s %v, want less than %s %v", r.Setting, r.Measure, designs[i-1], a, designs[i], b)
		}
	}
}

// few is E1 in small, with everything that can go wrong.
func few(seed uint64) scene {
	return scene{
		nodes: 10, slots: 2, dispatchers: 4,
		accounts: whales(5, seed), arrivals: smalls(0.3, 20, span{time.Second, 90 * time.Second}, seed),
		span: span{time.Second, 90 * time.Second}, slow: 0.1, slower: 4,
		faults: faults{deaths: 20 * time.Second, crashes: 15 * time.Second, resize: []resize{{30 * time.Second, 16}, {60 * time.Second, 6}}},
	}
}

func TestSameSeedSameRun(t *testing.T) {
	for _, d := range Designs {
		if d.local {
			continue
		}
		outcomeOf := func(seed uint64) *outcome {
			o, err := runScene(few(seed), d, seed)
			if err != nil {
				t.Fatal(err)
			}
			return o
		}
		first := outcomeOf(1)
		if !reflect.DeepEqual(first, outcomeOf(1)) {
			t.Errorf("%s: the same seed gave two runs", d.Name)
		}
		if reflect.DeepEqual(first, outcomeOf(2)) {
			t.Errorf("%s: two seeds gave the same run", d.Name)
		}
	}
}

// TestDecisions logs what a run with everything in it comes to, for those who compare.
func TestDecisions(t *testing.T) {
	o, err := runScene(few(1), Designs[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	if o.copies == 0 || len(o.samples) == 0 {
		t.Errorf("%d copies, %d samples: this run shows nothing", o.copies, len(o.samples))
	}
	t.Logf("decided %x", sha256.Sum256(fmt.Append(nil, *o)))
}

// losing is a queue that does what a scheduler must never do.
type losing struct {
	queue
	pops  int
	again bool // gives a batch a second time, instead of losing it
}

func (l *losing) PopFor(ask drr.Ask) (drr.Grant, bool) {
	g, ok := l.queue.PopFor(ask)
	if !ok {
		return g, false
	}
	l.pops++
	switch {
	case l.pops == 500 && l.again:
		l.Push(g.Ref) // and gives it out as well
	case l.pops == 500:
		return l.queue.PopFor(ask)
	}
	return g, true
}

func TestLostAndDoubledWorkIsNoticed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		again bool
		want  string
	}{
		{"lost", false, "have not ended"},
		{"twice", true, "worked on twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Design{Name: "losing", central: true, queue: func(w *world, predict prediction, seed uint64) queue {
				return &losing{queue: newPlain(w, predict, seed), again: tt.again}
			}}
			s := few(1)
			s.accounts, s.faults, s.slow = nil, faults{}, 0
			if _, err := runScene(s, d, 1); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// The fluid is worked out by hand: two slots, an account that always has work, and one
// with two batches at 0 s.
func TestIdealSharesMaxMin(t *testing.T) {
	s := scene{nodes: 1, slots: 2, accounts: whales(1, 1)}
	a := &account{id: "a", weight: 1, rows: fullRows, row: perRow}
	s.arrivals = []arrival{{account: a, batches: 2, measured: true}}
	first, second := attempt{a, 1, 0, 1}.service(1), attempt{a, 1, 1, 1}.service(1)
	short, long := min(first, second), max(first, second)
	want := 2*short + (long - short) // both at half speed; then the longer one has a slot for itself
	got := idealTimes(s, 1)
	if len(got) != 1 || math.Abs((got[0]-want).Seconds()) > 1e-6 {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestServiceTimes(t *testing.T) {
	sum, squares := 0.0, 0.0
	const n = 20_000
	of := &whales(1, 1)[0]
	for no := range n {
		x := attempt{of, 3, no, 1}.service(7).Seconds()
		sum += x
		squares += x * x
	}
	mean := sum / n
	if cv := math.Sqrt(squares/n-mean*mean) / mean; math.Abs(mean-0.2) > 0.002 || math.Abs(cv-0.25) > 0.01 {
		t.Errorf("mean %.4f s and coefficient of variation %.3f, want 0.2 and 0.25", mean, cv)
	}
	if (attempt{of, 3, 1, 1}).service(7) == (attempt{of, 3, 1, 2}).service(7) {
		t.Error("a second attempt takes exactly as long as the first")
	}
}

func TestReports(t *testing.T) {
	rows := brief(t, 1, "E1", "E9")
	for _, r := range rows {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Row
		if err := json.Unmarshal(b, &back); err != nil || back.Figures["bulkhead"] != r.Figures["bulkhead"] || bytes.ContainsRune(b, '\n') {
			t.Errorf("%s does not come back: %v", b, err)
		}
	}
	var table bytes.Buffer
	if err := Print(&table, rows); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"E1  Small imports", "round-robin at nodes", "400 whales, load 20 %", "≤ 1.25 met", "Beside it: "} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
	var plot bytes.Buffer
	if err := Plot(&plot, rows); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(plot.Bytes())); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, plot.String())
		}
	}
	for _, want := range append([]string{"ideal sharing (GPS): ", "prefers-color-scheme:dark"}, titles()...) {
		if !strings.Contains(plot.String(), want) {
			t.Errorf("no %q in the plot", want)
		}
	}
	if err := Plot(io.Discard, rows[:1]); err == nil {
		t.Error("a plot of a part of E1 was drawn")
	}
}

func titles() (all []string) {
	for _, d := range Designs {
		all = append(all, d.Title+": ")
	}
	return all
}

func TestMissedTargetIsSaid(t *testing.T) {
	r := Row{Experiment: "E0", Seeds: 2, Target: &Target{AtMost: 1}, values: map[string][]float64{"bulkhead": {0.5, 1.5}}}
	r.close()
	if *r.Met || r.verdict() != "≤ 1.00 MISSED: 1.50" {
		t.Errorf("met %v, %q; one seed in two missed it", *r.Met, r.verdict())
	}
	r = Row{Experiment: "E0", Seeds: 1, Target: &Target{AtLeast: 0.99}, values: map[string][]float64{"bulkhead": {0.98}}}
	r.close()
	if *r.Met || r.verdict() != "≥ 0.99 MISSED: 0.98" {
		t.Errorf("met %v, %q", *r.Met, r.verdict())
	}
}

func TestRunEndsEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Only: []string{"E7"}, short: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it to be cancelled", err)
	}
	if _, err := Run(t.Context(), Options{Only: []string{"E99"}}); bulk.KindOf(err) != bulk.KindInvalid {
		t.Errorf("got %v, want an invalid experiment", err)
	}
}
