// Slots measures how many rows a second one processor commits with 1, 2 and 4 slots, and
// what the machine does meanwhile, to say where the limit lies.
//
// The cluster is the one of deploy/cluster/up. For every run ten new accounts upload a
// file each while no processor and no mirror runs, so that reading files is no part of it.
// Then one processor starts, alone, and commits until every import has ended. The rate is
// all rows divided by the time from the processor being ready to the last import's end.
// Meanwhile are taken: the CPU time of each part, a CPU profile of the processor, and 4
// times a second what PostgreSQL's sessions in our schema wait for. Every count must be
// exact. Numbers of slots alternate, so that a slow minute does not hit one alone.
//
// It prints a table, writes loadtest/results/slots.json, and starts again what it ended.
//
//	deploy/cluster/slots [--runs 3] [--rows 1000000] [--slots 1,2,4] [--out DIR]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"bulkhead/loadtest/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "slots:", err)
		stop()
		os.Exit(1)
	}
}

// resting are the processes that must not run while files are staged.
var resting = []string{"processor1", "processor2", "processor3", "mirror1"}

func run(ctx context.Context) (err error) {
	runs := flag.Int("runs", 3, "runs of each number of slots")
	rows := flag.Int64("rows", 1_000_000, "rows of a run, over all accounts")
	accounts := flag.Int("accounts", 10, "accounts that they belong to")
	slots := flag.String("slots", "1,2,4", "numbers of slots")
	out := flag.String("out", filepath.Join("loadtest", "results"), "where slots.json goes")
	flag.Parse()
	numbers, err := parseNumbers(*slots)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bulkhead-slots-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	files, err := cluster.Generate(ctx, work, *accounts, *rows)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, cluster.Start(context.WithoutCancel(ctx), append([]string{"cluster/up"}, resting...)...))
	}()
	if err := cluster.Script(ctx, append([]string{"cluster/down"}, resting...)...); err != nil {
		return err
	}
	r := record{Rows: *rows, Accounts: *accounts}
	for n := range *runs {
		for _, s := range numbers {
			m, err := measure(ctx, work, s, files)
			if err != nil {
				return fmt.Errorf("run %d with %d slots: %w", n+1, s, err)
			}
			fmt.Fprintf(os.Stderr, "run %d, %d slots: %.0f rows/s, CPUs %v\n", n+1, s, m.RowsPerSecond, m.CPUs)
			r.Runs = append(r.Runs, m)
		}
	}
	return r.report(*out)
}

func parseNumbers(text string) (out []int, err error) {
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("--slots: %q is not a number of slots", part)
		}
		out = append(out, n)
	}
	return out, nil
}
