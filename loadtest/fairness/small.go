package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"bulkhead/internal/wait"
)

// smallBatches is how many batches a small import has.
const smallBatches = 3

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
func (b *bench) smallAccounts(ctx context.Context, dataset string) (accounts []*account, err error) {
	for i := range b.accounts {
		a, err := b.newAccount(ctx, fmt.Sprintf("small %d", i+1), dataset, 1)
		if err != nil {
			return nil, err
		}
		accounts = append(accounts, a)
		if _, err := a.send(ctx, smallBatches*b.batchRows); err != nil {
			return nil, err
		}
	}
	if err := settle(ctx, accounts...); err != nil {
		return nil, err
	}
	return accounts, nil
}

// stream is small imports one after the other.
type stream struct {
	accounts []*account // take turns
	rows     int64      // of each import
	begun    time.Time
	times    []time.Duration // after begun, of each import
}

// send sends the imports at their times and returns them. It does not wait for their ends.
func (s stream) send(ctx context.Context) ([]*importing, error) {
	sent := make([]*importing, len(s.times))
	g, ctx := errgroup.WithContext(ctx)
	for i, at := range s.times {
		if wait.For(ctx, time.Until(s.begun.Add(at))) != nil {
			break
		}
		g.Go(func() (err error) {
			sent[i], err = s.accounts[i%len(s.accounts)].send(ctx, s.rows)
			return err
		})
	}
	return sent, g.Wait()
}

// duration is from before the request to the import's end.
func (i *importing) duration() time.Duration { return i.imp.FinishedAt.Sub(i.posted) }

// phases are where the time of small imports goes; a phase of an import ends where the
// next begins.
type phases struct {
	Upload quantiles `json:"upload"`  // from before its request to its first batch staged
	Wait   quantiles `json:"wait"`    // until a processor takes one of its batches up
	Work   quantiles `json:"batches"` // until the last is committed
	End    quantiles `json:"end"`     // until the import has ended
}

func phasesOf(sent []*importing) phases {
	var upload, wait, work, end []time.Duration
	for _, i := range sent {
		staged, begun, done := i.batches[0].Staged, i.batches[0].begun(), lastCommit(i.batches)
		for _, b := range i.batches {
			if b.begun().Before(begun) {
				begun = b.begun()
			}
		}
		begun = later(begun, staged)
		upload, wait = append(upload, staged.Sub(i.posted)), append(wait, begun.Sub(staged))
		work, end = append(work, done.Sub(begun)), append(end, i.imp.FinishedAt.Sub(done))
	}
	return phases{quantilesOf(upload), quantilesOf(wait), quantilesOf(work), quantilesOf(end)}
}

func later(s, t time.Time) time.Time {
	if s.After(t) {
		return s
	}
	return t
}
