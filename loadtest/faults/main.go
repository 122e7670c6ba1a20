// Faults kills parts of a running cluster while ten accounts import, and wants that
// everything ends by itself with exactly what an undisturbed import gives.
//
// The cluster is the one of deploy/cluster/up. Each fault has a round of its own: new
// accounts, one file each, sent by the command line, which goes on by itself after
// every interruption. At the fault's moment the part is killed with SIGKILL; processes
// of Bulkhead stay dead until the round has ended, so that their peers must take over.
// Then every count and the account's usage are compared with what the generator said,
// `bulkhead verify` compares every record with the file, and, once the mirror is quiet,
// `bulkhead reconcile` compares ClickHouse with the store. Whatever was killed is started
// again, also when a round failed.
//
// It prints a table, writes loadtest/results/faults.json, and exits with 1 when
// anything is not exact.
//
//	deploy/cluster/faults [--rows 1000000] [--accounts 10] [--only ingest,postgres] [--clickhouse-away 5m] [--out DIR] [--name faults]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"bulkhead/loadtest/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	rows := flag.Int64("rows", 1_000_000, "rows of a round, over all accounts")
	accounts := flag.Int("accounts", 10, "accounts that import at once")
	only := flag.String("only", "", "names of the faults to try; default: all")
	out := flag.String("out", filepath.Join("loadtest", "results"), "where the result goes")
	name := flag.String("name", "faults", "of the result")
	gone := flag.Duration("clickhouse-away", 5*time.Minute, "how long ClickHouse is gone in its round")
	timeout := flag.Duration("timeout", 15*time.Minute, "within which a round must end")
	flag.Parse()
	chosen, err := choose(append(faults, away(*gone)), *only)
	if err := errors.Join(err, checkSettings()); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "bulkhead-faults-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	defer mend(chosen)
	files, err := cluster.Generate(ctx, work, *accounts, *rows)
	if err != nil {
		return err
	}
	results := make([]result, 0, len(chosen))
	for _, f := range chosen {
		fmt.Fprintf(os.Stderr, "faults: %s\n", f.what)
		r := tryFault(ctx, f, files, *timeout)
		results = append(results, r)
		for _, w := range r.Wrong {
			fmt.Fprintf(os.Stderr, "faults: %s: %s\n", f.name, w)
		}
	}
	if err := report(filepath.Join(*out, *name+".json"), *rows, *accounts, results); err != nil {
		return err
	}
	if slices.ContainsFunc(results, func(r result) bool { return len(r.Wrong) > 0 }) {
		return errors.New("not every round ended as it had to")
	}
	return nil
}

func choose(faults []fault, only string) ([]fault, error) {
	if only == "" {
		return faults, nil
	}
	var chosen []fault
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("--only: there is no fault %q", name)
		}
		chosen = append(chosen, faults[i])
	}
	return chosen, nil
}
