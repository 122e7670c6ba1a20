package drr_test

import (
	"os/exec"
	"strings"
	"testing"

	"bulkhead/internal/mutant"
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
			"\tq.charge(a, cost)\n\tq.place(a)\n}", "\tq.place(a)\n}",
			"TestMistakenPredictionIsCorrected",
		},
		{
			"charge what it really took, in the long run", "drr.go",
			"\tq.charge(a, cost)\n\tq.place(a)\n}", "\tq.place(a)\n}",
			"TestMisestimatedCostsStayFair",
		},
		{
			"keep debts whole", "drr.go",
			"\tq.charge(a, cost)\n\tq.place(a)\n}", "\tq.charge(a, min(cost, 2*q.cfg.Quantum))\n\tq.place(a)\n}",
			"TestDebtIsKeptWhole",
		},
		{
			"keep the debt of who is idle", "account.go",
			"\tcase a.attained > q.Virtual()-q.allowance():", "\tcase false:",
			"TestDebtOutlivesTheWork",
		},
		{
			"an allowance for newcomers", "account.go",
			"a.until, a.used = now, 0", "a.until, a.used = a.attained, 0",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"an allowance has a bound", "account.go",
			"\t\ta.attained = max(a.attained, now-q.allowance())\n", "",
			"TestAllowanceFillsAsTheRoundGoesOn",
		},
		{
			"an allowance is real time", "account.go",
			"a.in != to || a.until-a.attained >= newcomerTurn", "a.in != to",
			"TestAllowanceIsRealTime",
		},
		{
			"newcomers wait for others in between", "gate.go",
			"g.spent < g.most(d)", "true",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"newcomers with much weight wait less", "gate.go",
			"newcomersShare*d.Fresh/max(d.Round, 1)", "1",
			"TestNewcomersGetMoreWhereFewOthersWait",
		},
		{
			"bursts are slot time", "gate.go",
			"\t\tg.spent += cost", "\t\tg.spent += min(cost, g.burst/5)",
			"TestBurstsAreSlotTime",
		},
		{
			"a long batch of the round is worth as much to newcomers", "gate.go",
			"max(g.spent-due, -due)", "max(g.spent-due, 0)",
			"TestNewcomersGetMoreWhereFewOthersWait",
		},
		{
			"newcomers that are not there save nothing", "gate.go",
			"case d.Ahead == 0: // they would save it up", "case false:",
			"TestNewcomersGetMoreWhereFewOthersWait",
		},
		{
			"debtors come after those who are due elsewhere", "drr.go",
			", ask.Lane == Round && q.sum.Round == 0:", ":",
			"TestDebtorsComeAfterThoseDueElsewhere",
		},
		{
			"who joins the round has one quantum", "drr.go",
			"a.attained = max(a.attained, q.began)", "",
			"TestNewcomerRunsAheadWithinItsAllowance",
		},
		{
			"a newcomer that takes long is in debt alone", "drr.go",
			"(cost < 0 || a.newcomer())", "true",
			"TestLongNewcomerHoldsNobodyUp",
		},
		{
			"a small refund keeps the place in the round", "account.go",
			"a.until-a.attained >= newcomerTurn", "true",
			"TestSmallRefundKeepsThePlaceInTheRound",
		},
		{
			"debt is paid while others run elsewhere", "drr.go",
			"\tfor a := q.oldFlows.head; a != nil; a = a.next {\n\t\tq.weigh(a)\n\t}", "",
			"TestDebtIsPaidWhileOthersRunElsewhere",
		},
		{
			"times begin where those of others are", "drr.go",
			"q.shift(mean - q.Virtual())", "",
			"TestRoundGoesOnElsewhere",
		},
		{
			"newcomers take turns", "drr.go",
			"newcomerTurn Virtual = 0.1", "newcomerTurn Virtual = 1000",
			"TestNewcomersTakeTurns",
		},
		{
			"demand leaves out who is far ahead", "demand.go",
			"\tcase a.attained > q.round+q.allowance():", "\tcase false:",
			"TestDemandIsWhatMayRun",
		},
		{
			"the round follows those elsewhere", "drr.go",
			"\t\tq.advance(mean)", "",
			"TestRoundGoesOnElsewhere",
		},
		{
			"an idle cluster forgives", "drr.go",
			"\t\tq.forgive()", "",
			"TestRoundGoesOnElsewhere",
		},
		{
			"a weight acts at once", "account.go",
			"if more && a.in == &q.oldFlows", "if !more && a.in == &q.oldFlows",
			"TestQuantumFollowsTheWeight",
		},
		{
			"nodes go where newcomers are", "picker.go",
			"p.gate.admits(p.sum)", "p.sum.Round == 0",
			"TestPickerGoesWhereNewcomersAre",
		},
		{
			"but look for them once a slot", "picker.go",
			" && !(inVain && p.sum.Round > 0)", "",
			"TestPickerSlotInVainServesTheRound",
		},
		{
			"dispatchers are drawn to the mean", "picker.go",
			"1-float64(d.Virtual-p.mean)/theta", "1-0*theta",
			"TestPickerDrawsDispatchersToTheMean",
		},
		{
			"nodes share slot time, not slots", "picker.go",
			"\t\tp.round.charge(key, more.Seconds())\n", "",
			"TestPickerSharesSlotTime",
		},
		{
			"a capped account earns nothing", "account.go",
			"\t\ta.attained = max(a.attained, q.began) // it earned nothing while it was not there\n", "",
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
	overlay := mutant.Overlay(t, file, with, without)
	out, err := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-timeout=60s", "-overlay", overlay, "-run", "^"+test+"$", ".").CombinedOutput()
	if err == nil {
		return "ok, though the rule is gone\n" + string(out)
	}
	return string(out)
}
