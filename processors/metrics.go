package processors

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// Metrics are what a node measures. Seconds and Rows belong to the process, whose
// other parts feed them as well.
type Metrics struct {
	Slots   *prometheus.GaugeVec     // by state: idle, busy
	Seconds *prometheus.HistogramVec // by stage: read, validate, commit
	Rows    *prometheus.CounterVec   // by outcome
}

// NewMetrics registers what is the node's own. Each argument may be nil.
func NewMetrics(reg prometheus.Registerer, seconds *prometheus.HistogramVec, rows *prometheus.CounterVec) *Metrics {
	m := &Metrics{
		Slots: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_slots", Help: "Slots of this process, by what they do.",
		}, []string{"state"}),
		Seconds: seconds,
		Rows:    rows,
	}
	if reg != nil {
		reg.MustRegister(m.Slots)
	}
	return m
}

func (m *Metrics) idle(n float64) { m.Slots.WithLabelValues("idle").Add(n) }

func (m *Metrics) busy(n float64) {
	m.Slots.WithLabelValues("busy").Add(n)
	m.idle(-n)
}

func (m *Metrics) stages(read, validate, commit time.Duration) {
	if m.Seconds == nil {
		return
	}
	m.Seconds.WithLabelValues("read").Observe(read.Seconds())
	m.Seconds.WithLabelValues("validate").Observe(validate.Seconds())
	m.Seconds.WithLabelValues("commit").Observe(commit.Seconds())
}

func (m *Metrics) rows(c bulk.Counts) {
	if m.Rows == nil {
		return
	}
	for outcome, n := range map[string]int64{
		"created": c.Created, "updated": c.Updated, "superseded": c.Superseded, "rejected": c.Rejected, "over_quota": c.OverQuota,
	} {
		m.Rows.WithLabelValues(outcome).Add(float64(n))
	}
}
