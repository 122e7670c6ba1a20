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
	SVG   string   `name:"svg" help:"Also draw E1 into this file." type:"path" placeholder:"FILE"`
}

// Run implements `bulkhead simulate fairness`.
func (c *simulateFairness) Run(e *env) error {
	if c.Seeds < 1 || c.Seeds > 1000 {
		return usage("--seeds must be 1 to 1000.")
	}
	if c.SVG != "" && len(c.Only) > 0 && !slices.Contains(c.Only, "E1") {
		return usage("--svg draws E1: add it to --only.")
	}
	begun := time.Now()
	rows, err := simulate.Run(e.ctx, simulate.Options{Only: c.Only, Seeds: c.Seeds, Progress: c.progress(e)})
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
