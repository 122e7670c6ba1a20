package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"bulkhead/internal/telemetry"
)

// How often the sweeper looks, and how old an object must be to count as left over:
// far longer than any writer takes between an object and its ledger row.
const (
	sweepEvery   = 2 * time.Second
	collectEvery = time.Hour
	orphanAge    = 24 * time.Hour
)

// sweep does, until ctx ends, what processes that died left undone: it winds up
// imports, expires uploads and collects orphaned objects. It also notes how long
// finished imports took.
func sweep(ctx context.Context, p *parts) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	var since, collected time.Time
	said := map[string]bool{} // failures of the sweep before
	for {
		said = p.complain(ctx, p.store.Sweep(ctx), said)
		since = observeFinished(ctx, p, since)
		if time.Since(collected) > collectEvery {
			collected = time.Now()
			if err := collect(ctx, p); err != nil && ctx.Err() == nil {
				p.log.Error("collecting orphaned objects failed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// complain counts the failures of a sweep and logs those that the one before did not
// have. It returns what was said.
func (p *parts) complain(ctx context.Context, failed []error, before map[string]bool) map[string]bool {
	said := map[string]bool{}
	for _, err := range failed {
		if ctx.Err() != nil {
			break
		}
		p.metrics.SweepFailures.Inc()
		said[err.Error()] = true
		if !before[err.Error()] {
			p.log.ErrorContext(ctx, "sweep failed at one thing, and goes on with the others", "error", err)
		}
	}
	return said
}

func observeFinished(ctx context.Context, p *parts, since time.Time) time.Time {
	if since.IsZero() {
		now, err := p.store.Now(ctx)
		if err != nil {
			return since
		}
		since = now
	}
	finished, err := p.store.FinishedSince(ctx, since)
	if err != nil {
		return since
	}
	for _, f := range finished {
		p.metrics.ImportSeconds.WithLabelValues(telemetry.Size(f.Rows)).Observe(f.Finished.Sub(f.Started).Seconds())
		since = f.Finished
	}
	return since
}

// collect deletes objects that no ledger row names and that are old, by the database's
// clock: one of a process that is a day ahead would take what is being written.
func collect(ctx context.Context, p *parts) error {
	now, err := p.store.Now(ctx)
	if err != nil {
		return err
	}
	before := now.Add(-orphanAge)
	var page []string
	var failed []error // one object that cannot be deleted does not keep the others
	flush := func() error {
		known, err := p.store.KnownObjects(ctx, page)
		if err != nil {
			return err
		}
		for _, key := range page {
			if known[key] {
				continue
			}
			if err := p.objects.Delete(ctx, key); err != nil {
				failed = append(failed, err)
				continue
			}
			p.log.Info("orphaned object deleted", "key", key)
		}
		page = page[:0]
		return nil
	}
	for info, err := range p.objects.List(ctx, "") {
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if !strings.HasPrefix(info.Key, "batches/") && !strings.HasPrefix(info.Key, "parts/") || info.Modified.After(before) {
			continue
		}
		if page = append(page, info.Key); len(page) == 500 {
			if err := flush(); err != nil {
				return errors.Join(append(failed, err)...)
			}
		}
	}
	if len(page) > 0 {
		failed = append(failed, flush())
	}
	return errors.Join(failed...)
}
