package simulate

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"bulkhead/internal/mutant"
)

// TestBoundHolds searches for accounts that come further apart than [drr.Bound] says. BULKHEAD_PLAYS
// makes it search for longer: 10,000 are more than ten million decisions.
func TestBoundHolds(t *testing.T) {
	plays, _ := strconv.Atoi(os.Getenv("BULKHEAD_PLAYS"))
	for _, n := range []int{1, 4, 16} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			c := climber{Attack: Attack{Plays: 2 * max(plays, climb), design: Designs[0]}, dispatchers: n, rand: rand.New(rand.NewPCG(0, uint64(n)))}
			if err := c.run(t.Context(), func() {}); err != nil {
				t.Fatal(err)
			}
			t.Logf("%.2f of the bound in %d decisions: %s", c.best.score, c.decisions, c.best)
			if c.best.score > 1 {
				t.Errorf("%.2f of the bound: %s", c.best.score, c.best)
			}
			if c.best.score < 0.4 {
				t.Errorf("%.2f of the bound: the search finds nothing", c.best.score)
			}
		})
	}
}

// TestBoundNoticesWhatIsBroken takes away what holds the bound up, one thing at a time.
func TestBoundNoticesWhatIsBroken(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package once a rule")
	}
	for _, rule := range []struct{ name, file, with, without string }{
		{"debts are whole, not clamped", "../drr/drr.go", "by := Virtual(cost.Seconds()) / Virtual(a.weight)", "by := Virtual(min(cost.Seconds(), 0.25)) / Virtual(a.weight)"},
		{"newcomers have bursts", "../drr/gate.go", "d.Round == 0 || g.spent < g.most(d)", "d.Round == 0"},
		{"an allowance ends", "../drr/account.go", "a.until, a.used = now, 0", "a.until, a.used = now+100, 0"},
		{"demand is by weight and corrected", "../drr/picker.go", "float64(d.Round)*part, chance*headStart", "min(float64(d.Round), 1), part*0"},
		{"what it took is charged", "../schedule/lease.go", "s.charge(l, took+Turnaround)", ""},
	} {
		t.Run(strings.ReplaceAll(rule.name, " ", "_"), func(t *testing.T) {
			if out := boundWithout(t, rule.file, rule.with, rule.without); !strings.Contains(out, "--- FAIL: TestBoundHolds") {
				t.Errorf("TestBoundHolds does not notice; it printed:\n%s", out)
			}
		})
	}
}

// boundWithout runs TestBoundHolds with a piece of the scheduler replaced.
func boundWithout(t *testing.T, file, with, without string) string {
	t.Helper()
	overlay := mutant.Overlay(t, file, with, without)
	out, _ := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-timeout=120s", "-overlay", overlay, "-run", "^TestBoundHolds$", ".").CombinedOutput()
	return string(out)
}
