package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// Small imports have one to three full batches, in turn.
const (
	mostSmall = 3
	meanSmall = (1 + mostSmall) / 2.0
)

// smallRows are the rows of the ith small import.
func (b *bench) smallRows(i int) int64 { return int64(1+i%mostSmall) * b.batchRows }

// arrivals are the times, from the start, at which small imports arrive: a Poisson
// process, the same for the same seed.
func arrivals(seed uint64, n int, perSecond float64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 0))
	times := make([]time.Duration, n)
	at := 0.0
	for i := range times {
		at += random.ExpFloat64() / perSecond
		times[i] = time.Duration(at * float64(time.Second))
	}
	return times
}

// smallAccounts makes the accounts and lets each import once, so that what is done once
// only, such as preparing statements, is not measured.
func (b *bench) smallAccounts(ctx context.Context, in dataset) (accounts []*account, err error) {
	for i := range b.accounts {
		a, err := b.newAccount(ctx, fmt.Sprintf("small %d", i+1), in, 1)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
		if _, err := a.send(ctx, b.batchRows); err != nil {
			return nil, err
		}
	}
	return accounts, settle(ctx, false, accounts...)
}

// sendAt sends small imports of the accounts, in turn, at times after begun, and returns them. It
// does not wait for their ends.
func (b *bench) sendAt(ctx context.Context, accounts []*account, begun time.Time, times []time.Duration) ([]*importing, error) {
	sent := make([]*importing, len(times))
	g, ctx := errgroup.WithContext(ctx)
	for i, at := range times {
		if wait.For(ctx, time.Until(begun.Add(at))) != nil {
			break
		}
		g.Go(func() (err error) {
			sent[i], err = accounts[i%len(accounts)].send(ctx, b.smallRows(i))
			return err
		})
	}
	return sent, g.Wait()
}

// duration is from before the request to the import's end.
func (i *importing) duration() time.Duration { return i.imp.FinishedAt.Sub(i.posted) }

func durations(imports []*importing) (all []time.Duration) {
	for _, i := range imports {
		all = append(all, i.duration())
	}
	return all
}
