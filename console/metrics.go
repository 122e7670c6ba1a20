package console

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what a console measures.
type Metrics struct {
	Refused *prometheus.CounterVec // requests that were told to come again, by code
	Streams prometheus.Gauge       // live event streams
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_console_refused_total", Help: "Requests refused because the account or the process holds too many answers or streams already.",
		}, []string{"code"}),
		Streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_event_streams", Help: "Live event streams that are open."}),
	}
	if reg != nil {
		reg.MustRegister(m.Refused, m.Streams)
	}
	return m
}
