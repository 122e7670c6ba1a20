package dispatch

import (
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/processors/schedule"
)

// observer passes on what the scheduler decided; the lock is held.
type observer struct{ *Dispatcher }

var _ schedule.Observer = observer{}

func (o observer) Ended(m bulk.Offset) { o.cfg.References.Done(m) }

func (o observer) Due() { o.waiters.wake() }

func (o observer) Began(took, median, upper time.Duration) {
	o.cfg.Metrics.estimated(took, median, upper)
}

func (o observer) Leased(waited time.Duration, batches int64) {
	o.cfg.Metrics.waited(waited, batches)
}

func (o observer) Copied() { o.cfg.Metrics.Copies.Inc() }

func (o observer) Expired(l bulk.Lease) {
	o.cfg.Log.Warn("lease expired, batch comes again", "batch", l.Ref.ID().String(), "node", l.Node, "attempt", l.Attempt)
}

func (o observer) Delayed(ref bulk.BatchRef, failures int, due time.Time) {
	o.cfg.Log.Debug("batch comes again", "batch", ref.ID().String(), "failures", failures, "due", due)
}
