package housekeeping

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what a Housekeeper measures.
type Metrics struct {
	SweepFailures prometheus.Counter
	ImportSeconds *prometheus.HistogramVec // first byte to end, by size: small, medium, large
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		SweepFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_sweep_failures_total", Help: "Things left undone that a sweep could not put right, each time.",
		}),
		ImportSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_import_seconds", Help: "Time from an import's first byte to its end, by its size.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 18),
		}, []string{"size"}),
	}
	if reg != nil {
		reg.MustRegister(m.SweepFailures, m.ImportSeconds)
	}
	return m
}

// size names the class of an import by its rows.
func size(rows int64) string {
	switch {
	case rows < 10_000:
		return "small"
	case rows < 1_000_000:
		return "medium"
	default:
		return "large"
	}
}
