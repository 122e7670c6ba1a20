package dispatch

import (
	"time"

	"bulkhead/internal/bulk"
)

// predict estimates a batch's slot time by its import's average, or by that of
// all imports for one that has none yet.
func (d *Dispatcher) predict(ref bulk.BatchRef) time.Duration {
	p := d.pace
	if imp := d.imports[ref.Import]; imp != nil && imp.pace > 0 {
		p = imp.pace
	}
	return p.Predict(ref.Rows)
}

// learn takes in what a finished batch took.
func (d *Dispatcher) learn(j *job, took time.Duration) {
	if took <= 0 {
		return
	}
	imp := d.imports[j.ref.Import]
	if imp.pace == 0 {
		imp.pace = d.pace
	}
	imp.pace = imp.pace.Add(took, j.ref.Rows)
	d.pace = d.pace.Add(took, j.ref.Rows)
}

// findSlow looks for batches that a second copy would probably end sooner.
func (d *Dispatcher) findSlow(now time.Time) {
	clear(d.slow)
	d.slow = d.slow[:0]
	if !d.tail.Afford() {
		return
	}
	for _, l := range d.leases {
		if l.job == nil || len(l.job.leases) > 1 {
			continue
		}
		if after, pays := d.tail.After(l.predicted); pays && now.Sub(l.granted) > after {
			d.slow = append(d.slow, l.job)
		}
	}
	if len(d.slow) > 0 {
		d.signal()
	}
}

// straggler takes a slow batch for a second copy on this node, or nil. Its account has
// room for it, and it is not this node that is slow.
func (d *Dispatcher) straggler(node bulk.NodeID) *job {
	for i, j := range d.slow {
		if j == nil || len(j.leases) != 1 || j.leases[0].node == node {
			continue
		}
		if v, _ := d.queue.Import(j.ref.Import); v.Capped || !d.tail.Afford() {
			continue
		}
		d.slow[i] = nil
		d.tail.Spend()
		d.cfg.Metrics.Copies.Inc()
		return j
	}
	return nil
}
