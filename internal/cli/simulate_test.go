package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/processors/simulate"
)

func TestSimulateFairness(t *testing.T) {
	code, stdout, stderr := run(t, "", "simulate", "fairness", "--only", "E5", "--seeds", "1", "--json")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit %d, stderr %q", code, stderr)
	}
	var row simulate.Row
	if err := json.Unmarshal([]byte(stdout), &row); err != nil {
		t.Fatalf("%v in %q: want one object", err, stdout)
	}
	if row.Experiment != "E5" || row.Met == nil || !*row.Met || row.Figures["bulkhead"].Mean < 0.99 || row.Figures["fifo"].Mean > 0.9 {
		t.Errorf("got %+v", row)
	}
}

func TestSimulateFairnessRefuses(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "x.svg")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--only", "E99"}, "There is no experiment E99"},
		{[]string{"--seeds", "0"}, "--seeds"},
		{[]string{"--attack", "--plays", "1"}, "--plays"},
		{[]string{"--attack", "--dispatchers", "1,17"}, "--dispatchers"},
		{[]string{"--only", "E2", "--svg", svg}, "--svg draws E1"},
	} {
		code, _, stderr := run(t, "", append([]string{"simulate", "fairness"}, tt.args...)...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: exit %d, %q; want %d and %q", tt.args, code, stderr, exitUsage, tt.want)
		}
	}
}

func TestSimulateFairnessAttack(t *testing.T) {
	code, stdout, _ := run(t, "", "simulate", "fairness", "--attack", "--plays", "4", "--dispatchers", "1", "--json")
	var found simulate.Found
	if err := json.Unmarshal([]byte(stdout), &found); err != nil {
		t.Fatalf("%v in %q: want one object", err, stdout)
	}
	if found.Dispatchers != 1 || found.Decisions == 0 || found.ApartBy == "" || found.GainBy == "" {
		t.Errorf("got %+v", found)
	}
	if want := exitDone; found.Apart <= 1 && code != want || found.Apart > 1 && code != exitFailed {
		t.Errorf("exit %d for %.2f of the bound", code, found.Apart)
	}
}
