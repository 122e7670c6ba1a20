package drr_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEachRuleHasATest takes one rule of the algorithm out at a time and wants the
// named test to notice: a test that passes without its rule proves nothing.
func TestEachRuleHasATest(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package once a rule")
	}
	for _, rule := range []struct{ name, file, with, without, test string }{
		{
			"charge what it really took", "drr.go",
			"a.deficit = min(max(a.deficit-(took-b.cost), -limit), limit)", "_ = limit",
			"TestMistakenPredictionIsCorrected",
		},
		{
			"charge what it really took, in the long run", "drr.go",
			"a.deficit = min(max(a.deficit-(took-b.cost), -limit), limit)", "_ = limit",
			"TestMisestimatedCostsStayFair",
		},
		{
			"bound the correction", "drr.go",
			"limit := 2 * q.quantum(a)", "limit := 2_000_000 * q.quantum(a)",
			"TestCorrectionIsClamped",
		},
		{
			"an allowance for newcomers", "account.go",
			"newcomer: true", "newcomer: false",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"the allowance ends", "drr.go",
			"if over < 0 {", "if true {",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"newcomers get every other dispatch", "burst.go",
			"g.spent < g.burst", "true",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"or more", "burst.go",
			"return max(ahead/round, 1)", "return 1",
			"TestNewcomersGetMoreWhereFewOthersWait",
		},
		{
			"but no more than an allowance in a row", "burst.go",
			"max(g.spent-ratio(ahead, round), 0)", "g.spent - ratio(ahead, round)",
			"TestNewcomersGetMoreWhereFewOthersWait",
		},
		{
			"nodes go where newcomers are", "picker.go",
			"p.gate.admits(p.ahead.Total(), p.round.Total())", "p.round.Total() == 0",
			"TestPickerGoesWhereNewcomersAre",
		},
		{
			"but look for them once a slot", "picker.go",
			" && !(inVain && p.round.Total() > 0)", "",
			"TestPickerSlotInVainServesTheRound",
		},
		{
			"demand is in slot time", "drr.go",
			"q.learn(took)", "",
			"TestDemandIsInSlotTime",
		},
		{
			"demand counts what is left of an allowance", "demand.go",
			"*q.cfg.Quantum - a.spent", "*q.cfg.Quantum",
			"TestDemandIsInSlotTime",
		},
		{
			"demand learns from the first batches", "demand.go",
			"max(meanAlpha, 4/float64(q.learnt+3))", "meanAlpha",
			"TestDemandForgetsTheFirstGuessAtOnce",
		},
		{
			"an allowance lasts until the round has come", "account.go",
			"a.newcomer && a.in == &q.oldFlows", "false",
			"TestAllowanceOutlivesAShortGap",
		},
		{
			"keep debt", "account.go",
			"a.deficit = min(a.deficit, 0)", "a.deficit = 0",
			"TestEmptyForfeitsCreditButKeepsDebt",
		},
		{
			"forfeit credit", "account.go",
			"a.deficit = min(a.deficit, 0)", "",
			"TestEmptyForfeitsCreditButKeepsDebt",
		},
		{
			"a newcomer passes through the round once", "account.go",
			"case a.owesPass || a.deficit < 0:", "case a.deficit < 0:",
			"TestEmptiedNewcomerPassesThroughTheRoundOnce",
		},
		{
			"an idle debtor passes until it has paid", "drr.go",
			"if a.deficit < 0 {\n\t\tq.oldFlows.toBack(a)\n\t\treturn\n\t}", "",
			"TestIdleDebtorPaysByPassing",
		},
		{
			"a capped account earns nothing", "account.go",
			"case a.ready > 0: // at its cap", "case a.ready > 0:\n\t\ta.deficit += q.quantum(a) // at its cap",
			"TestCapInterruptsATurnButDoesNotEndIt",
		},
		{
			"every fourth pick takes the oldest", "class.go",
			"const everyFourth = 4", "const everyFourth = 1 << 60",
			"TestWaitInsideAnAccountIsBounded",
		},
	} {
		t.Run(strings.ReplaceAll(rule.name, " ", "_"), func(t *testing.T) {
			out := runWithout(t, rule.file, rule.with, rule.without, rule.test)
			if !strings.Contains(out, "--- FAIL: "+rule.test) {
				t.Errorf("%s does not notice; it printed:\n%s", rule.test, out)
			}
		})
	}
}

// runWithout runs one test of this package with a piece of its source replaced.
func runWithout(t *testing.T, file, with, without, test string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), with); n != 1 {
		t.Fatalf("%s has %q %d times, want once: the rule moved", file, with, n)
	}
	original, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mutant, overlay := filepath.Join(dir, file), filepath.Join(dir, "overlay.json")
	write(t, mutant, []byte(strings.Replace(string(source), with, without, 1)))
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, overlay, list)
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-timeout=60s", "-overlay", overlay, "-run", "^"+test+"$", ".").CombinedOutput()
	if err == nil {
		return "ok, though the rule is gone\n" + string(out)
	}
	return string(out)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
