package processors

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
	"bulkhead/internal/telemetry"
)

// Metrics are what a node measures.
type Metrics struct {
	Slots   *prometheus.GaugeVec     // by state: idle, busy
	Seconds *prometheus.HistogramVec // by stage: read, validate, commit
	Rows    *prometheus.CounterVec   // by outcome
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Slots: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_slots", Help: "Slots of this process, by what they do.",
		}, []string{"state"}),
		Seconds: telemetry.BatchSeconds(reg),
		Rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_rows_total", Help: "Rows by what became of them.",
		}, []string{"outcome"}),
	}
	m.rows(bulk.Counts{}) // so that a rate exists before the first row
	if reg != nil {
		reg.MustRegister(m.Slots, m.Rows)
	}
	return m
}

func (m *Metrics) idle(n float64) { m.Slots.WithLabelValues("idle").Add(n) }

func (m *Metrics) busy(n float64) {
	m.Slots.WithLabelValues("busy").Add(n)
	m.idle(-n)
}

func (m *Metrics) stages(read, validate, commit time.Duration) {
	m.Seconds.WithLabelValues("read").Observe(read.Seconds())
	m.Seconds.WithLabelValues("validate").Observe(validate.Seconds())
	m.Seconds.WithLabelValues("commit").Observe(commit.Seconds())
}

func (m *Metrics) rows(c bulk.Counts) {
	for outcome, n := range map[string]int64{
		"created": c.Created, "updated": c.Updated, "superseded": c.Superseded, "rejected": c.Rejected, "over_quota": c.OverQuota,
	} {
		m.Rows.WithLabelValues(outcome).Add(float64(n))
	}
}
