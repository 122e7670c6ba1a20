package bulk

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the diagram and the table of states into the documents")

// situation is an import as far as its lifecycle goes.
type situation struct {
	state State
	f     Facts
}

// step is one way from a situation to the next; refused is why there is none.
type step struct {
	t       Trigger
	to      situation
	refused error
}

// steps are all that may happen next, to imports of at most two batches of a row.
func (n situation) steps() (all []step) {
	add := func(t Trigger, f Facts) {
		next, err := n.state.Next(t, f)
		if err != nil {
			all = append(all, step{t, n, err})
			return
		}
		to := situation{next, f}
		to.f.Judged = 0
		switch {
		case next == n.state:
		case t == TriggerSeal:
			to.f.Sealed = true
		case t == TriggerApprove:
			to.f.Approved, to.f.Rows.Rejected, to.f.Batches.Staged = true, 0, f.Batches.Total-f.Batches.Quarantined
		case t == TriggerCancel:
			to.f.Outcome = StateCancelled
		case t == TriggerFinalize:
			to.f.Batches.Staged = 0
		case next == StateCancelling:
			to.f.Outcome = StateFailed
		}
		if t == TriggerSeal {
			to.f.Sealed = true
		}
		all = append(all, step{t, to, nil})
	}
	for _, t := range Triggers {
		add(t, n.f)
	}
	if f := n.f; n.state.AcceptsBytes() && n.state != StateOpen && !f.Sealed && f.Batches.Total < 2 {
		f.Batches.Total, f.Batches.Staged, f.Rows.Read = f.Batches.Total+1, f.Batches.Staged+1, f.Rows.Read+1
		all = append(all, step{TriggerReceive, situation{n.state, f}, nil})
	}
	if n.f.Batches.Staged == 0 {
		return all
	}
	for _, outcome := range []func(f *Facts){
		func(f *Facts) {
			if !f.Checking() {
				f.Rows.Created++
			}
		},
		func(f *Facts) { f.Rows.Rejected++ },
		func(f *Facts) { f.Rows.OverQuota++ },
		func(f *Facts) { f.Rows.Unprocessed++; f.Batches.Quarantined++ },
	} {
		f := n.f
		f.Batches.Staged--
		f.Judged = max(f.Rows.Sum(), 1)
		if outcome(&f); f.Checking() && f.Rows.OverQuota > 0 {
			continue // a check creates nothing
		}
		add(TriggerSettle, f)
	}
	return all
}

// lives are all situations in which an import can ever be, with what may happen in them.
func lives() map[situation][]step {
	all := map[situation][]step{}
	var next []situation
	for _, dry := range []bool{false, true} {
		for _, on := range []OnError{"skip", "abort", "50%"} {
			next = append(next, situation{StateOpen, Facts{DryRun: dry, OnError: on}})
		}
	}
	for len(next) > 0 {
		n := next[0]
		next = next[1:]
		if _, seen := all[n]; seen {
			continue
		}
		all[n] = n.steps()
		for _, s := range all[n] {
			next = append(next, s.to)
		}
	}
	return all
}

func TestEveryStateIsReachedAndEnds(t *testing.T) {
	all := lives()
	reached, ends := map[State]bool{}, map[situation]bool{}
	for n, steps := range all {
		reached[n.state] = true
		if !n.state.Terminal() {
			continue
		}
		ends[n] = true
		for _, s := range steps {
			if s.to.state != n.state {
				t.Errorf("%s leads from %s to %s", s.t, n.state, s.to.state)
			}
		}
	}
	for _, s := range States {
		if !reached[s] {
			t.Errorf("no import is ever %s", s)
		}
	}
	for before := 0; before < len(ends); {
		before = len(ends)
		for n, steps := range all {
			if slices.ContainsFunc(steps, func(s step) bool { return ends[s.to] }) {
				ends[n] = true
			}
		}
	}
	for n := range all {
		if !ends[n] {
			t.Errorf("nothing ever ends %+v", n)
		}
	}
}

// What is said of a state follows from what may happen in it.
func TestWhatIsSaidOfAStateIsSo(t *testing.T) {
	for _, s := range States {
		leads := func(tr Trigger) bool {
			next, err := s.Next(tr, Facts{Outcome: StateFailed})
			return err == nil && next != s
		}
		if out := slices.ContainsFunc(Triggers, leads); out == s.Terminal() {
			t.Errorf("%s is terminal: %v, but something leads out of it: %v", s, s.Terminal(), out)
		}
		if s.Ending() != leads(TriggerFinalize) || s.Closed() == leads(TriggerFail) || s.Closed() != (s.Ending() || s.Terminal()) {
			t.Errorf("%s is ending: %v, closed: %v", s, s.Ending(), s.Closed())
		}
		if s.Active() != (s.AcceptsBytes() || s.AcceptsCommits()) || s.Settled() != (s.Terminal() || leads(TriggerApprove)) {
			t.Errorf("%s is active: %v, settled: %v", s, s.Active(), s.Settled())
		}
		if s.Completed() && s.Aborted() || s.Terminal() && !s.Completed() && !s.Aborted() || s.Closed() && s.AcceptsCommits() {
			t.Errorf("%s is completed: %v, aborted: %v, accepts commits: %v", s, s.Completed(), s.Aborted(), s.AcceptsCommits())
		}
	}
	if State("").Terminal() || State("other").Active() {
		t.Error("what is no state is in none")
	}
	for _, tr := range Triggers {
		if _, ok := lifecycle[tr]; !ok {
			t.Errorf("nothing is said of %s", tr)
		}
	}
	if len(lifecycle) != len(Triggers) {
		t.Errorf("the table has %d triggers, %d are listed", len(lifecycle), len(Triggers))
	}
}

func TestBatchesEnd(t *testing.T) {
	reached := map[BatchState]bool{BatchStaged: true}
	for _, s := range BatchStates {
		for _, next := range batchLifecycle[s] {
			reached[next] = true
		}
		if ends := slices.ContainsFunc(batchLifecycle[s], BatchState.Terminal); ends == s.Terminal() {
			t.Errorf("%s can end: %v, terminal: %v", s, ends, s.Terminal())
		}
	}
	for _, s := range BatchStates {
		if !reached[s] {
			t.Errorf("no batch is ever %s", s)
		}
	}
}

// outcomes says for every state and trigger what may follow.
func outcomes() map[State]map[Trigger]map[string]bool {
	out := map[State]map[Trigger]map[string]bool{}
	for n, steps := range lives() {
		for _, s := range steps {
			if out[n.state] == nil {
				out[n.state] = map[Trigger]map[string]bool{}
			}
			if out[n.state][s.t] == nil {
				out[n.state][s.t] = map[string]bool{}
			}
			what := string(s.to.state)
			switch {
			case errors.Is(s.refused, ErrSkip):
				what = "*skipped*"
			case errors.Is(s.refused, ErrPaused):
				what = "*paused*"
			case s.refused != nil:
				what = "`" + CodeOf(s.refused) + "`"
			}
			out[n.state][s.t][what] = true
		}
	}
	return out
}

// The diagram in ARCHITECTURE.md has every arrow, and only those.
func TestDiagramShowsTheLifecycle(t *testing.T) {
	arrows := map[[2]State][]string{}
	for from, row := range outcomes() {
		for _, tr := range Triggers {
			for to := range row[tr] {
				if to := State(to); to != from && slices.Contains(States, to) {
					arrows[[2]State{from, to}] = append(arrows[[2]State{from, to}], string(tr))
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> open\n")
	for _, from := range States {
		for _, to := range States {
			if by := arrows[[2]State{from, to}]; by != nil {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", from, to, strings.Join(by, ", "))
			}
		}
	}
	b.WriteString("```\n")
	holds(t, "../../ARCHITECTURE.md", "lifecycle", b.String())
}

// The table in operating.md says what each trigger does in each state.
func TestTableShowsTheLifecycle(t *testing.T) {
	var b strings.Builder
	b.WriteString("| |")
	for _, tr := range Triggers {
		fmt.Fprintf(&b, " %s |", tr)
	}
	fmt.Fprintf(&b, "\n|%s\n", strings.Repeat(" --- |", len(Triggers)+1))
	all := outcomes()
	for _, s := range States {
		fmt.Fprintf(&b, "| %s |", s)
		for _, tr := range Triggers {
			cell := slices.Sorted(maps.Keys(all[s][tr]))
			if i := slices.Index(cell, string(s)); i >= 0 {
				cell[i] = "–"
			}
			fmt.Fprintf(&b, " %s |", strings.Join(cell, ", "))
		}
		b.WriteString("\n")
	}
	holds(t, "../../docs/operating.md", "lifecycle", b.String())
}

func TestEveryStateIsDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## States of an import\n")
	section, _, _ = strings.Cut(section, "\n## ")
	at := 0
	for _, s := range States {
		i := strings.Index(section, fmt.Sprintf("\n| `%s` | ", s))
		if i < at {
			t.Errorf("%s is not described in its place", s)
		}
		at = i
	}
}

// holds compares what stands between two marks of a document.
func holds(t *testing.T, file, mark, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- %s: generated by go test ./internal/bulk -update -->\n", mark), fmt.Sprintf("<!-- /%s -->", mark)
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	switch {
	case !ok || !ok2:
		t.Fatalf("%s has not the marks %q and %q", file, begin, end)
	case *update:
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case got != want:
		t.Errorf("%s does not show the lifecycle as it is; run go test ./internal/bulk -update\n%s", file, want)
	}
}
