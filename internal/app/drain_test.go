package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// trace notes what ends when.
type trace struct {
	mu    sync.Mutex
	began time.Time
	lines []string
}

func (t *trace) note(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, time.Since(t.began).String()+" "+what)
}

func (t *trace) until(what string) func(context.Context) error {
	return func(ctx context.Context) error { <-ctx.Done(); t.note(what); return nil }
}

// A process that is to stop goes on for a while, then takes nothing new and finishes what
// it has, within bounds; what that leans on ends last.
func TestDrainStopsInTheOrderOfTheData(t *testing.T) {
	for _, c := range []struct {
		name  string
		needs time.Duration // to finish what was begun
		want  []string
	}{
		{"in time", 7 * time.Second, []string{"1s draining", "4s server", "4s taking", "11s finished", "11s ledger"}},
		{"too long", time.Hour, []string{"1s draining", "4s server", "4s taking", "24s stopped", "24s ledger"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := &trace{began: time.Now()}
				d := drain{lameDuck: 3 * time.Second, log: slog.New(slog.DiscardHandler)}
				d.take(tr.until("server"))
				d.finish(func(taking, working context.Context) error {
					<-taking.Done()
					tr.note("taking")
					select {
					case <-time.After(c.needs):
						tr.note("finished")
					case <-working.Done():
						tr.note("stopped")
					}
					return nil
				})
				d.lean(tr.until("ledger"))
				ctx, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				context.AfterFunc(ctx, func() {
					synctest.Wait()
					if d.draining() {
						tr.note("draining")
					}
				})
				if err := d.run(ctx); err != nil {
					t.Error(err)
				}
				slices.Sort(tr.lines[1:3]) // they end at once
				if !slices.Equal(tr.lines, c.want) {
					t.Errorf("got  %q\nwant %q", tr.lines, c.want)
				}
			})
		})
	}
}

// A part that fails makes the process drain, be it one that others lean on, and is its error.
func TestFailedPartDrains(t *testing.T) {
	broken := errors.New("broken")
	fail := func(context.Context) error { return broken }
	for name, add := range map[string]func(d *drain){"taker": func(d *drain) { d.take(fail) }, "leaned on": func(d *drain) { d.lean(fail) }} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := &trace{began: time.Now()}
				d := drain{log: slog.New(slog.DiscardHandler)}
				d.take(tr.until("server"))
				d.lean(tr.until("ledger"))
				add(&d)
				if err := d.run(t.Context()); !errors.Is(err, broken) || !d.draining() {
					t.Errorf("ended with %v, draining %v", err, d.draining())
				}
				if want := []string{"0s server", "0s ledger"}; !slices.Equal(tr.lines, want) {
					t.Errorf("got %q, want %q", tr.lines, want)
				}
			})
		})
	}
}
