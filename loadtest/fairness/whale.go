package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// share is an account with much to do.
type share struct {
	name    string
	weight  int
	batches int64
	imports int64 // over which its batches are spread evenly; 0: one
	cap     *int  // most batches in flight; nil: no bound
}

// whales are accounts whose files are staged and wait at the dispatchers.
type whales []*account

// stage makes the accounts and sends their files while no processor runs; it returns when
// every batch waits at a dispatcher.
func (b *bench) stage(ctx context.Context, dataset string, shares ...share) (whales, error) {
	if err := script(ctx, nil, append([]string{"down"}, processors...)...); err != nil {
		return nil, err
	}
	accounts := make(whales, len(shares))
	total := 0
	begun := time.Now()
	g, sending := errgroup.WithContext(ctx)
	for i, s := range shares {
		a, err := b.newAccount(ctx, s.name, dataset, s.weight)
		if err != nil {
			return nil, err
		}
		accounts[i] = a
		if s.cap != nil {
			if err := b.change(ctx, a, map[string]any{"cap": *s.cap}); err != nil {
				return nil, err
			}
		}
		total += int(s.batches)
		g.Go(func() error { return b.sendAll(sending, a, s) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	err := b.await(ctx, "every batch at its dispatcher", func(q []queue) bool { return waiting(q) == total })
	b.say("%d accounts, %d batches staged in %.0f s", len(shares), total, time.Since(begun).Seconds())
	return accounts, err
}

// sendAll spreads an account's batches over its imports, and sends a few at a time.
func (b *bench) sendAll(ctx context.Context, a *account, s share) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4)
	n := max(s.imports, 1)
	for i := range n {
		g.Go(func() error {
			_, err := a.send(ctx, (s.batches*(i+1)/n-s.batches*i/n)*b.batchRows)
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

// settle follows all imports of all accounts.
func settle(ctx context.Context, accounts ...*account) error {
	var g errgroup.Group
	for _, a := range accounts {
		g.Go(func() error {
			if err := a.settle(ctx); err != nil {
				return fmt.Errorf("account %s: %w", a.id, err)
			}
			return nil
		})
	}
	return g.Wait()
}
