package dispatch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what a dispatcher measures.
type Metrics struct {
	Decisions prometheus.Counter
	QueueWait *prometheus.HistogramVec // by size of the import
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Decisions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_dispatch_decisions_total",
			Help: "Batches that were leased to a processor.",
		}),
		QueueWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bulkhead_queue_wait_seconds",
			Help:    "Time from staging a batch to leasing it, by size of its import so far: small ≤ 5 batches, medium ≤ 100, large.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 18), // 5 ms to 11 min
		}, []string{"size"}),
	}
	if reg != nil {
		reg.MustRegister(m.Decisions, m.QueueWait)
	}
	return m
}

func (m *Metrics) waited(wait time.Duration, batches int64) {
	size := "large"
	switch {
	case batches <= 5:
		size = "small"
	case batches <= 100:
		size = "medium"
	}
	m.QueueWait.WithLabelValues(size).Observe(max(wait, 0).Seconds())
}
