// Siege measures what one process takes under clients that mean no good: it starts
// `bulkhead dev` with a fresh data directory on a free port of the loopback, and ends
// what it started.
//
//   - quiet: CPUs that 2,000 live streams on one wide import cost, at rest and while it
//     changes, and that paused imports cost; bytes of a list of wide imports.
//   - siege: readers that never read, slow uploads, live streams and two bombs, a gzip
//     and a zstd one, all at once; the process's peak memory, and how long a small
//     import of another account takes meanwhile.
//
// Everything is bounded in time and number. Wrong counts fail it, and more memory than --most-mib; slow runs never do.
//
//	./loadtest/siege-dev [--short] [--most-mib N] [--program FILE] [--dir DIR] [--out FILE]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// plan is how much of everything there is.
type plan struct {
	IdleStreams   int           `json:"idle_streams"` // on one import
	Paused        int           `json:"paused"`       // imports
	WideImports   int           `json:"wide_imports"` // of 1,001 columns
	Readers       int           `json:"readers"`      // of a page that they never read
	PageMiB       int           `json:"page_mib"`     // that each asks for
	SlowUploads   int           `json:"slow_uploads"`
	Streams       int           `json:"streams"`
	Bombs         int           `json:"bombs"` // of each kind
	Settle        time.Duration `json:"-"`     // until what was just changed is old
	Quiet         time.Duration `json:"-"`     // that idle CPU is measured for
	Siege         time.Duration `json:"-"`
	streamsOfEach int           // of an account
}

var (
	whole = plan{2000, 2000, 100, 10, 160, 500, 5000, 1, 35 * time.Second, 10 * time.Second, 45 * time.Second, 200}
	short = plan{200, 50, 10, 6, 40, 40, 300, 1, 2 * time.Second, 2 * time.Second, 5 * time.Second, 100}
)

// result is what is kept of a run.
type result struct {
	Plan     plan      `json:"plan"`
	Quiet    quiet     `json:"quiet"`
	Siege    siege     `json:"siege"`
	Revision string    `json:"revision"`
	CPUs     int       `json:"cpus"`
	At       time.Time `json:"at"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "siege:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	brief := flag.Bool("short", false, "little of everything, in under a minute")
	program := flag.String("program", "", "the program to measure; default: it is built from here")
	revision := flag.String("revision", "", "what the program was built from; default: the checkout")
	dir := flag.String("dir", os.TempDir(), "where the data directory goes")
	streams := flag.Bool("only-streams", false, "measure only the streams of one import")
	out := flag.String("out", "", "JSON file to write")
	most := flag.Int64("most-mib", 0, "fail if the process held more under siege; 0: however much")
	flag.Parse()
	r := result{Plan: whole, Revision: *revision, CPUs: runtime.NumCPU(), At: time.Now().UTC().Truncate(time.Second)}
	if *brief {
		r.Plan = short
	}
	if *streams {
		r.Plan = plan{IdleStreams: r.Plan.IdleStreams, WideImports: 1, Quiet: r.Plan.Quiet}
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	work, err := os.MkdirTemp(*dir, "bulkhead-siege-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if *program == "" {
		*program = filepath.Join(work, "bulkhead")
		build := exec.CommandContext(ctx, "go", "build", "-o", *program, ".")
		build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	if r.Revision == "" {
		said, _ := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
		r.Revision = strings.TrimSpace(string(said))
	}
	s, err := start(ctx, *program, filepath.Join(work, "data"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if r.Quiet, err = measureQuiet(ctx, s, r.Plan); err != nil {
		return fmt.Errorf("quiet: %w", err)
	}
	if *streams {
		r.Siege = siege{}
	} else if r.Siege, err = besiege(ctx, s, r.Plan); err != nil {
		return fmt.Errorf("siege: %w", err)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	_, err = os.Stdout.Write(text)
	if *out != "" {
		err = errors.Join(err, os.WriteFile(*out, text, 0o644))
	}
	if *most > 0 && r.Siege.PeakMiB > *most {
		err = errors.Join(err, fmt.Errorf("the process held %d MiB under siege, want %d at most", r.Siege.PeakMiB, *most))
	}
	return err
}
