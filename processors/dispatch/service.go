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

// mostNodes bounds what is remembered of nodes, most of which may be long gone.
const mostNodes = 4096

// learnNode takes in what a batch took on a node, whether it was the first to end it or not.
func (d *Dispatcher) learnNode(l *lease, took time.Duration) {
	d.tail.Add(took, l.predicted)
	if len(d.nodes) >= mostNodes {
		clear(d.nodes)
	}
	d.nodes[l.node] = d.nodes[l.node].Add(took, l.predicted)
}

// findSlow looks for batches that a second copy would probably end sooner, and for
// which their import waits: nothing else of it is queued.
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
		after, pays := d.tail.After(l.predicted, d.nodes[l.node])
		if pays && now.Sub(l.granted) > after && !d.queue.Waits(l.job.ref.Import) {
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
	if d.tail.Slow(d.nodes[node]) {
		return nil
	}
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
