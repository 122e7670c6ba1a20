package housekeeping

import (
	"context"
	"time"
)

// reapAfter is how long a session of ours may hold a transaction open without working:
// then its process is paused or gone.
const reapAfter = 30 * time.Second

// sweep counts its failures, and logs those that the sweep before did not have.
func (h *Housekeeper) sweep(ctx context.Context) {
	said := map[string]bool{}
	for _, err := range h.cfg.Ledger.Sweep(ctx) {
		if ctx.Err() != nil {
			break
		}
		h.cfg.Metrics.SweepFailures.Inc()
		said[err.Error()] = true
		if !h.said[err.Error()] {
			h.cfg.Log.ErrorContext(ctx, "sweep failed at one thing, and goes on with the others", "error", err)
		}
	}
	h.said = said
	h.measure(ctx)
}

// measure notes how long imports took that ended since it was called last.
func (h *Housekeeper) measure(ctx context.Context) {
	if h.measured.IsZero() {
		now, err := h.cfg.Ledger.Now(ctx)
		if err != nil {
			return
		}
		h.measured = now
	}
	finished, err := h.cfg.Ledger.FinishedSince(ctx, h.measured)
	if err != nil {
		return
	}
	for _, f := range finished {
		h.cfg.Metrics.ImportSeconds.WithLabelValues(size(f.Rows)).Observe(f.Finished.Sub(f.Started).Seconds())
		h.measured = f.Finished
	}
}

func (h *Housekeeper) reap(ctx context.Context) {
	n, err := h.cfg.Ledger.Reap(ctx, reapAfter)
	switch {
	case err != nil && ctx.Err() == nil:
		h.cfg.Log.WarnContext(ctx, "looking for stuck sessions failed", "error", err)
	case n > 0:
		h.cfg.Log.WarnContext(ctx, "stuck sessions ended", "sessions", n)
	}
}
