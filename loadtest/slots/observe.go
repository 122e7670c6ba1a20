package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/wait"
	"bulkhead/loadtest/cluster"
)

// standing says what each session that works in our schema is at. One that waits for its
// client in the middle of a transaction leaves the work to the processor.
const standing = `
SELECT CASE WHEN state LIKE 'idle%' THEN 'processor' WHEN wait_event IS NULL THEN 'CPU' ELSE wait_event_type || ' ' || wait_event END
FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN (
	SELECT l.pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :'schema')`

// sessions samples until ctx ends; the result is the average number of sessions.
func sessions(ctx context.Context) (map[string]float64, error) {
	out := map[string]float64{}
	for samples := 1.0; ; samples++ {
		text, err := cluster.Query(context.WithoutCancel(ctx), standing)
		if err != nil {
			return nil, fmt.Errorf("ask for sessions: %w", err)
		}
		for name := range strings.Lines(text) {
			out[strings.TrimSpace(name)]++
		}
		if wait.For(ctx, 250*time.Millisecond) != nil {
			for name := range out {
				out[name] = rounded(out[name] / samples)
			}
			return out, nil
		}
	}
}

var stageLine = regexp.MustCompile(`(?m)^bulkhead_batch_seconds_(sum|count)\{stage="(read|validate|commit)"\} (\S+)$`)

// batches reads from the processor how long batches took, by stage.
func (m *measurement) batches(ctx context.Context) error {
	text, err := get(ctx, "http://127.0.0.1:28111/metrics")
	if err != nil {
		return err
	}
	values := map[string]float64{}
	for _, found := range stageLine.FindAllStringSubmatch(string(text), -1) {
		values[found[1]+found[2]], _ = strconv.ParseFloat(found[3], 64) // the pattern knows that it is one
	}
	m.BatchMS = map[string]float64{}
	for _, stage := range []string{"read", "validate", "commit"} {
		m.BatchMS[stage] = rounded(1000 * values["sum"+stage] / values["count"+stage])
	}
	return nil
}

// line is a function's share of a profile.
type line struct {
	Function string  `json:"function"`
	Percent  float64 `json:"percent"`
}

// profile takes a CPU profile of the processor at work.
func (m *measurement) profile(ctx context.Context, path string) error {
	if err := wait.For(ctx, 2*time.Second); err != nil {
		return err
	}
	text, err := get(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", profiles, profileFor.Seconds()))
	if err != nil {
		return fmt.Errorf("take a profile: %w; use more --rows", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	if m.Profile, err = top(ctx, path, 1); err != nil {
		return err
	}
	m.Ours, err = top(ctx, path, 4, "-cum", "-show", `^bulkhead/`)
	return err
}

// top lists functions by their share in a column of pprof's table: 1 is what a function
// did itself, 4 what it did with all that it called.
func top(ctx context.Context, path string, column int, flags ...string) (lines []line, err error) {
	const most = 15
	args := append([]string{"tool", "pprof", "-top", "-nodecount", strconv.Itoa(most)}, flags...)
	text, err := exec.CommandContext(ctx, "go", append(args, path)...).Output()
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	_, table, _ := strings.Cut(string(text), "flat%")
	for row := range strings.Lines(table) {
		fields := strings.Fields(row)
		if len(fields) < 6 || !strings.HasSuffix(fields[column], "%") {
			continue
		}
		share, err := strconv.ParseFloat(strings.TrimSuffix(fields[column], "%"), 64)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line{strings.Join(fields[5:], " "), share})
	}
	return lines, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return body, err
}
