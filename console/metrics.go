package console

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a console measures.
type metrics struct {
	refused *prometheus.CounterVec // requests that were told to come again, by code
	streams prometheus.Gauge       // live event streams
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_console_refused_total", Help: "Requests refused because the account or the process holds too many answers or streams already.",
		}, []string{"code"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_event_streams", Help: "Live event streams that are open."}),
	}
	reg.MustRegister(m.refused, m.streams)
	return m
}
