// Fairness measures how accounts share a real cluster: whether a small import notices the
// large ones of others, whether large ones get their shares, what an account gains that looks
// for an advantage, what a flood of reads does, and what fairness costs in throughput.
//
// The cluster is the one of deploy/cluster/fairness, which runs this: a console, an
// ingest, two dispatchers, and two processors of two slots each. Batches are as large as
// the product makes them. Every scenario has new accounts and a dataset, and so a table, of
// its own. Large files are staged beforehand while no processor runs, and released all at
// once, so that what is measured is how batches are shared, not who uploads faster. Every
// import's counts and every account's usage are compared with what the files had to give;
// imports that are cut off when a run is over have to account for every row.
//
// It writes NAME.json to loadtest/results, in which scenarios that were not chosen keep their
// last figures, and prints it as tables, which are also in NAME.md, beside those of another
// record. It exits with 1 when a count is not exact, not when a target is missed: the tables say so.
//
//	deploy/cluster/fairness [-short] [-only noisy-neighbour,attack,reads,weights,caps,sybil,failover] [-name fairness]
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
	name     string
	before   string
	attacks  string
	short    bool
	floodFor time.Duration
}

// scenario is a part of the benchmark with a result of its own.
type scenario struct {
	name string
	run  func(*bench, context.Context, *record) error
}

var scenarios = []scenario{
	{"noisy-neighbour", (*bench).noisyNeighbour},
	{"attack", (*bench).attack},
	{"reads", (*bench).reads},
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
	flag.BoolVar(&o.short, "short", false, "little of everything, in under two minutes, of noisy-neighbour, attack and reads")
	flag.IntVar(&o.imports, "imports", 60, "small imports of a run; of one beside an attacker half as many")
	flag.StringVar(&o.whales, "whales", "1,4", "numbers of large files beside which small imports run, by commas")
	flag.StringVar(&o.attacks, "attacks", "", "names of the attacker's strategies, by commas; default: all")
	flag.IntVar(&o.accounts, "accounts", 10, "accounts that send small imports in turn")
	flag.Float64Var(&o.load, "load", 0.10, "share of all batches that small imports are")
	flag.Float64Var(&o.scale, "scale", 1, "of the large files of weights, caps, sybil and failover; less ends sooner and says less")
	flag.DurationVar(&o.floodFor, "flood", 20*time.Second, "how long each flood of reads, and its control, lasts")
	flag.Uint64Var(&o.seed, "seed", 1, "of the arrivals")
	flag.StringVar(&o.out, "out", filepath.Join("loadtest", "results"), "where the record goes")
	flag.StringVar(&o.name, "name", "fairness", "of the record")
	flag.StringVar(&o.before, "before", "fairness-before", "the record whose figures stand beside")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "within which a scenario must end")
	burning := flag.Float64("burn", 0, "use so many CPUs, and do nothing else")
	show := flag.Bool("show", false, "write the tables of the record again, and measure nothing")
	flag.Parse()
	if *burning > 0 {
		burn(*burning)
		return nil
	}
	if o.short {
		o.shorten()
	}
	r, err := open(o.out, o.name)
	if err != nil {
		return err
	}
	if *show {
		return r.show(o)
	}
	return measure(ctx, o, r)
}

// measure runs the chosen scenarios.
func measure(ctx context.Context, o options, r *record) error {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	if err := b.quiet(ctx); err != nil {
		return err
	}
	if b.cost, err = b.measureCost(ctx); err != nil {
		return err
	}
	r.Cost = b.cost
	var failed error
	for _, s := range chosen {
		b.say("%s", s.name)
		if err := b.try(ctx, s, r); err != nil {
			b.say("%s: %v", s.name, err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		if err := r.save(b); err != nil {
			return err
		}
	}
	return errors.Join(failed, r.show(o))
}

func (b *bench) try(ctx context.Context, s scenario, r *record) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	if err := b.quiet(ctx); err != nil {
		return err
	}
	return s.run(b, ctx, r)
}

// shorten leaves little of everything.
func (o *options) shorten() {
	if o.only == "" {
		o.only = "noisy-neighbour,attack,reads"
	}
	if o.attacks == "" {
		o.attacks = "honest,thousand"
	}
	o.imports, o.whales, o.scale, o.floodFor = 20, "2", 0.1, time.Second
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
