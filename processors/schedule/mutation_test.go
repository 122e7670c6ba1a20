package schedule_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
			overlay := change(t, rule.file, rule.with, rule.without)
			for _, pkg := range both {
				if decisions(t, pkg, overlay) == before[pkg] {
					t.Errorf("%s decides as before", filepath.Base(pkg))
				}
			}
		})
	}
}

// change writes an overlay for the Go tool in which a file has other text.
func change(t *testing.T, file, with, without string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), with) != 1 {
		t.Fatalf("%q is not there once in %s", with, file)
	}
	path, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mutant, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(mutant, []byte(strings.Replace(string(source), with, without, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{path: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
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
