package console

import "github.com/prometheus/client_golang/prometheus"

// Metrics are what a console measures.
type Metrics struct {
	Refused  *prometheus.CounterVec   // requests that were told to come again, by code
	Streams  prometheus.Gauge         // live event streams
	Reads    *prometheus.GaugeVec     // requests, by kind of read and by state: waiting for their first permit, running since then
	ReadWait *prometheus.HistogramVec // seconds to the first permit, by kind
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_console_refused_total", Help: "Requests refused because the account or the process has too many reads, answers or streams already.",
		}, []string{"code"}),
		Reads: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_console_reads", Help: "Reads of the store for a request or a live stream that wait to begin, and that have begun.",
		}, []string{"kind", "state"}),
		ReadWait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_console_read_wait_seconds", Help: "Time that a read waited to begin.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10), // 0.1 ms to 26 s
		}, []string{"kind"}),
		Streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "bulkhead_event_streams", Help: "Live event streams that are open."}),
	}
	if reg != nil {
		reg.MustRegister(m.Refused, m.Streams, m.Reads, m.ReadWait)
	}
	return m
}
