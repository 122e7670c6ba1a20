// Devbench measures whole imports through the real program: it builds bulkhead,
// and for every run starts `bulkhead dev` with a fresh data directory on a free port,
// imports a generated file by the command line, compares every count with what the
// generator said, and stops what it started.
//
// Sizes alternate, so that a slow minute of the machine does not hit one size alone.
// It prints a table and writes a JSON file a size. A wrong count is a failure, a slow
// run never is.
//
//	./loadtest/dev-bench [--runs 5] [--rows 100000,1000000] [--large] [--dir DIR]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "dev-bench:", err)
		os.Exit(1)
	}
}

// bench does everything below one temporary directory, which it removes.
func bench(ctx context.Context) error {
	runs := flag.Int("runs", 5, "runs of each size")
	rows := flag.String("rows", "100000,1000000", "sizes, in rows")
	large := flag.Bool("large", false, "also 10,000,000 rows")
	dir := flag.String("dir", os.TempDir(), "where files and data directories go; its disk is part of the result")
	out := flag.String("out", filepath.Join("loadtest", "results"), "where the results go")
	flag.Parse()
	sizes, err := parseSizes(*rows, *large)
	if err != nil {
		return err
	}
	if *runs < 1 {
		return fmt.Errorf("--runs: %d is not a number of runs", *runs)
	}
	work, err := os.MkdirTemp(*dir, "bulkhead-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	program := filepath.Join(work, "bulkhead")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	files := make([]file, len(sizes))
	for i, n := range sizes {
		if files[i], err = generate(ctx, program, work, n); err != nil {
			return fmt.Errorf("generate %d rows: %w", n, err)
		}
	}
	results := make([]result, len(sizes))
	for run := range *runs {
		for i, f := range files {
			m, err := measure(ctx, program, work, f)
			if err != nil {
				return fmt.Errorf("run %d of %d rows: %w", run+1, f.answer.Rows, err)
			}
			results[i].file = f
			results[i].add(m)
			fmt.Fprintf(os.Stderr, "run %d, %d rows: %.0f rows/s, %.2f s from Enter to completed, peak %d MiB\n",
				run+1, f.answer.Rows, m.RowsPerSecond, m.WallSeconds, m.PeakMiB)
		}
	}
	return report(ctx, *dir, *out, results)
}

func parseSizes(text string, large bool) (sizes []int64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--rows: %q is not a number of rows", part)
		}
		sizes = append(sizes, n)
	}
	if large {
		sizes = append(sizes, 10_000_000)
	}
	return sizes, nil
}

// file is a generated file with what importing it must report.
type file struct {
	path   string
	answer struct {
		Rows, Created, Superseded, Rejected, Bytes int64
	}
}

func generate(ctx context.Context, program, dir string, rows int64) (f file, err error) {
	f.path = filepath.Join(dir, fmt.Sprintf("contacts-%d.csv", rows))
	out, err := os.Create(f.path)
	if err != nil {
		return f, err
	}
	defer out.Close()
	var answer strings.Builder
	c := exec.CommandContext(ctx, program, "generate", "contacts", "--rows", strconv.FormatInt(rows, 10), "--reject-rate", "0.02", "--duplicate-rate", "0.01")
	c.Stdout, c.Stderr = out, &answer
	if err := c.Run(); err != nil {
		return f, fmt.Errorf("%w: %s", err, answer.String())
	}
	return f, json.Unmarshal([]byte(answer.String()), &f.answer)
}

// result is all runs of one size.
type result struct {
	file file
	Runs []measurement
}

func (r *result) add(m measurement) { r.Runs = append(r.Runs, m) }

// spread is the median of the runs between their extremes.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func (r *result) spread(of func(measurement) float64) spread {
	values := make([]float64, len(r.Runs))
	for i, m := range r.Runs {
		values[i] = of(m)
	}
	slices.Sort(values)
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + median) / 2
	}
	return spread{median, values[0], values[len(values)-1]}
}
