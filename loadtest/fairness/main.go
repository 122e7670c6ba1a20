// Fairness measures how accounts share a real cluster: whether a small import notices the
// large ones of others, whether large ones get their shares, and what that costs in
// throughput.
//
// The cluster is the one of deploy/cluster/fairness, which runs this: a console, an
// ingest, two dispatchers, and two processors of two slots each. Every scenario has new
// accounts and a dataset, and so a table, of its own. Large files are staged beforehand
// while their accounts are paused, and released all at once, so that what is measured is
// how batches are shared, not who uploads faster. Every import's counts and every
// account's usage are compared with what the files had to give.
//
// It writes loadtest/results/fairness.json, in which scenarios that were not chosen keep
// their last figures, and prints it as tables, which are also in fairness.md. It exits
// with 1 when a count is not exact, not when a target is missed: the tables say so.
//
//	deploy/cluster/fairness [-only noisy-neighbour,weights,caps,sybil,failover] [-imports 500] [-scale 1]
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
)

// options are what the command line says.
type options struct {
	only     string
	imports  int
	whales   string
	accounts int
	load     float64
	scale    float64
	seed     uint64
	out      string
	timeout  time.Duration
}

// scenario is a part of the benchmark with a result of its own.
type scenario struct {
	name string
	run  func(*bench, context.Context, *record) error
}

var scenarios = []scenario{
	{"noisy-neighbour", (*bench).noisyNeighbour},
	{"weights", (*bench).weights},
	{"caps", (*bench).caps},
	{"sybil", (*bench).sybil},
	{"failover", (*bench).failover},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fairness:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.only, "only", "", "names of the scenarios, by commas; default: all")
	flag.IntVar(&o.imports, "imports", 500, "small imports of a run")
	flag.StringVar(&o.whales, "whales", "1,4", "numbers of large files beside which small imports run, by commas")
	flag.IntVar(&o.accounts, "accounts", 10, "accounts that send small imports in turn")
	flag.Float64Var(&o.load, "load", 0.10, "share of all batches that small imports are")
	flag.Float64Var(&o.scale, "scale", 1, "of the large files of the scenarios other than noisy-neighbour; less ends sooner and says less")
	flag.Uint64Var(&o.seed, "seed", 1, "of the arrivals")
	flag.StringVar(&o.out, "out", filepath.Join("loadtest", "results"), "where fairness.json goes")
	flag.DurationVar(&o.timeout, "timeout", 40*time.Minute, "within which a scenario must end")
	flag.Parse()
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	r, err := open(o.out)
	if err != nil {
		return err
	}
	var failed error
	for _, s := range chosen {
		b.say("%s", s.name)
		if err := b.try(ctx, s, r); err != nil {
			b.say("%s: %v", s.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		if err := r.save(o.out, b); err != nil {
			return err
		}
	}
	return errors.Join(failed, r.show(o.out))
}

func (b *bench) try(ctx context.Context, s scenario, r *record) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	if err := b.quiet(ctx); err != nil {
		return err
	}
	return s.run(b, ctx, r)
}

func choose(only string) ([]scenario, error) {
	if only == "" {
		return scenarios, nil
	}
	var chosen []scenario
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no scenario %q", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

// say tells how it goes, on standard error.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "fairness: %s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
