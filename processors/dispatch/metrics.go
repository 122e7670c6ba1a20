package dispatch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// Metrics are what a dispatcher measures.
type Metrics struct {
	Decisions prometheus.Counter
	Copies    prometheus.Counter
	QueueWait *prometheus.HistogramVec // by size of the import
	Waiting   prometheus.Gauge         // batches
	Oldest    prometheus.Gauge         // age of the batch that is due and waits longest
	Estimates *prometheus.CounterVec   // by how the wait turned out
	Lag       *prometheus.GaugeVec     // of the worst pair of accounts; without a label, and absent while there is none
	Bound     *prometheus.GaugeVec     // on it
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Decisions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_dispatch_decisions_total",
			Help: "Batches that were leased to a processor.",
		}),
		Copies: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_second_copies_total",
			Help: "Batches that were leased to a second processor because the first took so long.",
		}),
		QueueWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "bulkhead_queue_wait_seconds",
			Help:    "Time from staging a batch to leasing it, by size of its import so far: small ≤ 5 batches, medium ≤ 100, large.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 18), // 5 ms to 11 min
		}, []string{"size"}),
		Waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bulkhead_queue_batches", Help: "Batches that wait at this dispatcher, those of paused imports included.",
		}),
		Oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "bulkhead_queue_oldest_seconds", Help: "Age of the batch at this dispatcher that waits longest of those that may run; 0 when none waits.",
		}),
		Estimates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_wait_estimates_total",
			Help: "Imports that had to wait, by how their wait compares with its estimates: within the median one, within the upper one, late.",
		}, []string{"outcome"}),
		Lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_fairness_lag_seconds",
			Help: "Slot time ÷ weight by which the worst pair of accounts at this dispatcher was apart, in the windows that ended within the last minute; absent while no two had work at the same time.",
		}, nil),
		Bound: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_fairness_bound_seconds", Help: "What bulkhead_fairness_lag_seconds may be at most.",
		}, nil),
	}
	if reg != nil {
		reg.MustRegister(m.Decisions, m.Copies, m.QueueWait, m.Waiting, m.Oldest, m.Estimates, m.Lag, m.Bound)
	}
	return m
}

// apart tells of the worst pair; nil: there is none.
func (m *Metrics) apart(p *bulk.Pair) {
	if p == nil {
		m.Lag.Reset()
		m.Bound.Reset()
		return
	}
	m.Lag.WithLabelValues().Set(p.LagMS / 1000)
	m.Bound.WithLabelValues().Set(p.BoundMS / 1000)
}

func (m *Metrics) estimated(took, median, upper time.Duration) {
	outcome := "late"
	switch {
	case took <= median:
		outcome = "median"
	case took <= upper:
		outcome = "upper"
	}
	m.Estimates.WithLabelValues(outcome).Inc()
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
