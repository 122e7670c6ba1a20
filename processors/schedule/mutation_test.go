package schedule_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bulkhead/internal/mutant"
)

// TestOneRuleDecidesEverywhere changes a rule in its one place, and wants both the
// dispatcher that runs in production and the simulation to decide otherwise.
func TestOneRuleDecidesEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles both packages once a rule")
	}
	both := []string{"../dispatch", "../simulate"}
	before := map[string]string{}
	for _, pkg := range both {
		before[pkg] = decisions(t, pkg, "")
	}
	for _, rule := range []struct{ name, file, with, without string }{
		{"a turn is a quantum", "../drr/drr.go", "q.round += q.quantum()", "q.round += q.quantum() / 8"},
		{"costs are learnt by import", "cost.go", "imp != nil && max(imp.pace, imp.late) > 0", "false"},
		{"what it took is charged", "lease.go", "s.charge(l, took+Turnaround)", ""},
		{"slow nodes are known", "cost.go", "s.nodes[l.Node] = was.Add(took, l.predicted)", ""},
		{"a lease lasts", "lease.go", "const leaseLeast = 30 * time.Second", "const leaseLeast = time.Second / 10"},
	} {
		t.Run(strings.ReplaceAll(rule.name, " ", "_"), func(t *testing.T) {
			overlay := mutant.Overlay(t, rule.file, rule.with, rule.without)
			for _, pkg := range both {
				if decisions(t, pkg, overlay) == before[pkg] {
					t.Errorf("%s decides as before", filepath.Base(pkg))
				}
			}
		})
	}
}

var decided = regexp.MustCompile(`decided (\w+)`)

// decisions returns what the package's TestDecisions logs.
func decisions(t *testing.T, pkg, overlay string) string {
	t.Helper()
	out, _ := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-run", "^TestDecisions$", "-v", "-overlay", overlay, pkg).CombinedOutput()
	found := decided.FindSubmatch(out)
	if found == nil {
		t.Fatalf("%s does not say what it decided:\n%s", pkg, out)
	}
	return string(found[1])
}
