package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// TestSchemathesis holds the API against its description for a minute, or as long as
// BULKHEAD_TEST_SCHEMATHESIS says: right and wrong requests of every kind, and such that
// follow from one another. For a minute they are the same each time, for longer they are
// drawn anew.
func TestSchemathesis(t *testing.T) {
	const install = "python3 -m venv internal/app/testdata/schemathesis/.venv, and its pip install -r requirements.txt"
	budget, command, drawn := time.Minute, ".venv/bin/schemathesis", "--generation-deterministic"
	if text := os.Getenv("BULKHEAD_TEST_SCHEMATHESIS"); text != "" {
		var err error
		if budget, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		drawn = fmt.Sprintf("--seed=%d", time.Now().Unix())
	}
	if _, err := os.Stat("testdata/schemathesis/" + command); err != nil {
		if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: the API is not held against its description (%v); install it: %s", err, install)
	}
	t.Parallel()
	s := newSystem(t)
	s.apply(bulk.Spec{Name: "people", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeInteger}, {Name: "name", Type: bulk.TypeText, Required: true}}})
	s.call(http.MethodPost, "/v1/imports", map[string]any{"dataset": "people"}, nil)

	ctx, cancel := context.WithTimeout(t.Context(), budget+timeout)
	defer cancel()
	run := exec.CommandContext(ctx, command, "--config-file", "schemathesis.toml", "run", s.url+"/openapi.json",
		"--url", s.url, "--header", "Authorization: Bearer "+s.key, "--max-time", fmt.Sprintf("%.0f", budget.Seconds()), "--continue-on-failure", "--no-color", drawn)
	run.Dir, run.Env = "testdata/schemathesis", append(os.Environ(), "SCHEMATHESIS_HOOKS=hooks", "HYPOTHESIS_STORAGE_DIRECTORY="+t.TempDir())
	var out bytes.Buffer
	run.Stdout, run.Stderr = &out, &out
	if err := run.Run(); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	_, summary, _ := strings.Cut(out.String(), " SUMMARY ")
	t.Log(summary)
}
