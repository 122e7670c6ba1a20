package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mattn/go-isatty"

	"bulkhead/processors/simulate"
)

type simulateCommand struct {
	Fairness simulateFairness `cmd:"" help:"Run the scheduler under a simulated clock beside other designs; exit code 1 says that a target was missed."`
}

type simulateFairness struct {
	Only  []string `help:"Only these experiments." placeholder:"E1,E4"`
	Seeds int      `help:"Runs of each." default:"10"`

	Designs []string `help:"Only these columns." placeholder:"bulkhead,drr"`
	SVG     string   `name:"svg" help:"Also draw E1 into this file." type:"path" placeholder:"FILE"`

	Attack      bool   `help:"Search for what the scheduler lets through instead: the worst that accounts can do."`
	Plays       int    `help:"With --attack: how many plays to try at each number of dispatchers." default:"400"`
	Dispatchers []int  `help:"With --attack: numbers of dispatchers." default:"1,4,16"`
	Seed        uint64 `help:"With --attack: the same seed finds the same." default:"1"`
}

// Run implements `bulkhead simulate fairness`.
func (c *simulateFairness) Run(e *env) error {
	if c.Seeds < 1 || c.Seeds > 1000 {
		return usage("--seeds must be 1 to 1000.")
	}
	if c.SVG != "" && len(c.Only) > 0 && !slices.Contains(c.Only, "E1") {
		return usage("--svg draws E1: add it to --only.")
	}
	if c.Attack {
		return c.attack(e)
	}
	begun := time.Now()
	rows, err := simulate.Run(e.ctx, simulate.Options{Only: c.Only, Designs: c.Designs, Seeds: c.Seeds, Progress: c.progress(e)})
	if err != nil {
		return err
	}
	if err := c.report(e, rows, time.Since(begun)); err != nil {
		return err
	}
	if slices.ContainsFunc(rows, func(r simulate.Row) bool { return r.Met != nil && !*r.Met }) {
		return outcome(exitFailed)
	}
	return nil
}

// attack implements --attack. Exit code 1 says that something exceeds the bound.
func (c *simulateFairness) attack(e *env) error {
	if c.Plays < 2 || c.Plays > 1_000_000 || slices.Min(c.Dispatchers) < 1 || slices.Max(c.Dispatchers) > 16 {
		return usage("--plays must be 2 to 1000000, --dispatchers 1 to 16.")
	}
	found, err := simulate.Search(e.ctx, simulate.Attack{Plays: c.Plays, Dispatchers: c.Dispatchers, Seed: c.Seed, Progress: c.progress(e)})
	if err != nil {
		return err
	}
	if err := c.tell(e, found); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f simulate.Found) bool { return f.Apart > 1 }) {
		return outcome(exitFailed)
	}
	return nil
}

func (c *simulateFairness) tell(e *env, found []simulate.Found) error {
	enc := json.NewEncoder(e.stdout)
	for _, f := range found {
		if e.json {
			if err := enc.Encode(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(e.stdout, "%d dispatchers: %d plays, %d decisions, seed %d\n", f.Dispatchers, f.Plays, f.Decisions, c.Seed)
		fmt.Fprintf(e.stdout, "  furthest apart  %.2f of the bound: %s\n", f.Apart, f.ApartBy)
		fmt.Fprintf(e.stdout, "  most gained     %.2f × its due: %s\n", f.Gain, f.GainBy)
	}
	return nil
}

func (c *simulateFairness) report(e *env, rows []simulate.Row, took time.Duration) error {
	if c.SVG != "" {
		if err := c.plot(rows); err != nil {
			return err
		}
	}
	if !e.json {
		fmt.Fprintf(e.stderr, "%d runs of each experiment in %s\n", c.Seeds, took.Round(time.Second))
		return simulate.Print(e.stdout, rows)
	}
	enc := json.NewEncoder(e.stdout)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (c *simulateFairness) plot(rows []simulate.Row) error {
	f, err := os.Create(c.SVG)
	if err != nil {
		return err
	}
	if err := simulate.Plot(f, rows); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// progress draws how far it is on a terminal, and nothing elsewhere.
func (c *simulateFairness) progress(e *env) func(done, total int) {
	f, ok := e.stderr.(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) {
		return nil
	}
	return func(done, total int) {
		fmt.Fprintf(f, "\r\x1b[K%s %d of %d runs", bar(int64(done), 0, int64(total)), done, total)
		if done == total {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}
