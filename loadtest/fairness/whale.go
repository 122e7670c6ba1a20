package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/loadtest/cluster"
)

// share is an account with much to do.
type share struct {
	name    string
	weight  int
	batches int64
	imports int64    // over which its batches are spread evenly; 0: one
	rows    int64    // of a batch; 0: a full one
	in      *dataset // nil: that of the others
	cap     *int     // most batches in flight; nil: no bound
}

// whales are accounts whose files are staged and wait at the dispatchers.
type whales []*account

// stage makes the accounts and sends their files while no processor runs; it returns when
// every batch waits at a dispatcher.
func (b *bench) stage(ctx context.Context, in dataset, shares ...share) (whales, error) {
	if err := script(ctx, nil, append([]string{"down"}, processors...)...); err != nil {
		return nil, err
	}
	accounts := make(whales, len(shares))
	begun := time.Now()
	g, sending := errgroup.WithContext(ctx)
	for i, s := range shares {
		if s.in == nil {
			s.in = &in
		}
		a, err := b.newAccount(ctx, s.name, *s.in, s.weight)
		if err != nil {
			return nil, err
		}
		accounts[i] = a
		if s.cap != nil {
			if err := b.change(ctx, a, map[string]any{"cap": *s.cap}); err != nil {
				return nil, err
			}
		}
		g.Go(func() error { return b.sendAll(sending, a, s) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	total, err := stagedBatches(ctx, accounts)
	if err != nil {
		return nil, err
	}
	err = b.await(ctx, "every batch at its dispatcher", func(q []queue) bool { return waiting(q) >= total })
	b.say("%d accounts, %d batches staged in %.0f s", len(shares), total, time.Since(begun).Seconds())
	return accounts, err
}

// sendAll spreads an account's batches over its imports, and sends a few at a time.
func (b *bench) sendAll(ctx context.Context, a *account, s share) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	n, rows := max(s.imports, 1), s.rows
	if rows == 0 {
		rows = b.batchRows
	}
	for i := range n {
		g.Go(func() error {
			_, err := a.send(ctx, (s.batches*(i+1)/n-s.batches*i/n)*rows)
			return err
		})
	}
	return g.Wait()
}

// release starts the processors; it returns when they all run.
func (b *bench) release(ctx context.Context) (time.Time, error) {
	err := script(ctx, nil, append([]string{"up"}, processors...)...)
	return time.Now(), err
}

// stagedBatches counts the batches of accounts that wait.
func stagedBatches(ctx context.Context, accounts whales) (n int, err error) {
	text, err := cluster.Query(ctx, "SELECT count(*) FROM batches WHERE state = 'staged' AND account_id IN ("+accounts.ids()+")")
	if err == nil {
		n, err = strconv.Atoi(strings.TrimSpace(text))
	}
	return n, err
}

// ids are those of the accounts, for SQL.
func (w whales) ids() string {
	ids := []string{"''"}
	for _, a := range w {
		ids = append(ids, "'"+a.id+"'")
	}
	return strings.Join(ids, ", ")
}

// clear empties the tables that runs have filled and deletes what they staged: a run leaves
// gigabytes.
func (b *bench) clear(ctx context.Context) error {
	for _, name := range b.made {
		if _, err := cluster.Query(ctx, fmt.Sprintf("TRUNCATE %q", "ds_"+name)); err != nil {
			return err
		}
	}
	b.made = nil
	left, err := filepath.Glob(filepath.Join(b.objects, "*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	return err
}
