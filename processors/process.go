package processors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/requestid"
	"bulkhead/processors/replay"
)

// process does what a batch needs and says whether the dispatcher has to see it again.
func (n *Node) process(ctx context.Context, lease bulk.Lease) bulk.Result {
	id := lease.Ref.ID()
	work, err := n.cfg.Ledger.BatchTask(ctx, id)
	if err != nil {
		return n.judge(ctx, id, passing(err))
	}
	ctx = requestid.With(ctx, work.Import.RequestID)
	return n.judge(ctx, id, n.apply(ctx, lease, work))
}

// apply validates a batch and commits it; a panic on the way is an error.
func (n *Node) apply(ctx context.Context, lease bulk.Lease, work bulk.BatchTask) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	began := time.Now()
	return n.cfg.Batches.Read(ctx, work, func(batch *replay.Batch) error {
		read := time.Now()
		found := batch.Validate()
		return n.finish(ctx, bulk.ValidatedBatch{
			Task: work, Lease: lease,
			Records: found.Records, Superseded: found.Superseded, Rejected: found.Rejected, RejectGroups: found.RejectGroups,
			Read: read.Sub(began), Validate: time.Since(read),
		})
	})
}

// finish ends a validated batch in the ledger.
func (n *Node) finish(ctx context.Context, c bulk.ValidatedBatch) error {
	began := time.Now()
	if c.Task.DryRun {
		if err := n.cfg.Ledger.Check(ctx, c); err != nil {
			return fmt.Errorf("check: %w", err)
		}
		n.cfg.Metrics.stages(c.Read, c.Validate, time.Since(began))
		n.cfg.Log.InfoContext(ctx, "batch checked", "batch", c.Lease.Ref.ID().String(), "rejected", c.Rejected)
		return nil
	}
	counts, err := n.cfg.Ledger.Commit(ctx, c)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	n.cfg.Metrics.stages(c.Read, c.Validate, time.Since(began))
	n.cfg.Metrics.rows(counts)
	n.cfg.Log.InfoContext(ctx, "batch committed", "batch", c.Lease.Ref.ID().String(), "landed", counts.Landed(), "rejected", counts.Rejected)
	return nil
}

// transient is an error that may pass.
type transient struct{ error }

func (t transient) Unwrap() error { return t.error }

// passing marks an error as one that may pass, unless it says what to do.
func passing(err error) error {
	if errors.Is(err, bulk.ErrSkip) || errors.Is(err, bulk.ErrPaused) {
		return err
	}
	return transient{err}
}

// mayPass tells failures of the surroundings from failures of the batch.
func mayPass(ctx context.Context, err error) bool {
	_, marked := errors.AsType[transient](err)
	return marked || errors.Is(err, replay.ErrFetch) || errors.Is(err, bulk.ErrDatabase) || ctx.Err() != nil || bulk.KindOf(err) == bulk.KindUnavailable ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// judge turns what became of a batch into what the dispatcher has to do.
func (n *Node) judge(ctx context.Context, id bulk.BatchID, err error) bulk.Result {
	switch {
	case err == nil, errors.Is(err, bulk.ErrSkip):
		return bulk.ResultFinished
	case errors.Is(err, bulk.ErrPaused):
		return bulk.ResultPaused
	case mayPass(ctx, err):
		if ctx.Err() == nil {
			n.cfg.Log.WarnContext(ctx, "batch put off", "batch", id.String(), "error", err)
		}
		return bulk.ResultRetry
	default:
		return n.fail(ctx, id, err)
	}
}

// fail counts a failure that will not pass.
func (n *Node) fail(ctx context.Context, id bulk.BatchID, err error) bulk.Result {
	n.cfg.Log.ErrorContext(ctx, "batch failed", "batch", id.String(), "error", err)
	quarantined, ferr := n.cfg.Ledger.Fail(ctx, id, n.cfg.Node, n.reason(err))
	switch {
	case errors.Is(ferr, bulk.ErrSkip):
		return bulk.ResultFinished
	case ferr != nil:
		n.cfg.Log.WarnContext(ctx, "failure not counted, batch comes again", "batch", id.String(), "error", ferr)
		return bulk.ResultRetry
	case quarantined:
		n.cfg.Log.ErrorContext(ctx, "batch quarantined", "batch", id.String())
		return bulk.ResultFinished
	default:
		return bulk.ResultRetry
	}
}

// reason is what people are told: an internal error's text stays in the log.
func (n *Node) reason(err error) string {
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		return e.Message
	}
	return fmt.Sprintf("An internal error stopped this batch; the log of node %s has the details.", n.cfg.Node)
}
