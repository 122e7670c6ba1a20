// Package telemetry makes the logger and the metrics that a process hands to its
// parts. Nothing here is global: who wants to measure is given what to measure with.
//
// The metrics are those that the operator's dashboards rely on; none has an account
// or a file name in its labels, so their number does not grow with use.
package telemetry

import (
	"io"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewLogger writes to w, as text for people or as JSON for collectors.
func NewLogger(w io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Metrics are the process's own; parts that measure more register it themselves.
type Metrics struct {
	Registry      *prometheus.Registry
	Rows          *prometheus.CounterVec   // by outcome
	BytesIngested prometheus.Counter       // acknowledged to clients
	BatchSeconds  *prometheus.HistogramVec // by stage: stage, read, validate, commit
	SweepFailures prometheus.Counter
	ImportSeconds *prometheus.HistogramVec // first byte to end, by size: small, medium, large
}

// NewMetrics registers everything in a new registry.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_rows_total", Help: "Rows by what became of them.",
		}, []string{"outcome"}),
		BytesIngested: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_bytes_ingested_total", Help: "Bytes of files that were acknowledged.",
		}),
		BatchSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_batch_seconds", Help: "Time that one batch took in a stage.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
		}, []string{"stage"}),
		ImportSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "bulkhead_import_seconds", Help: "Time from an import's first byte to its end, by its size.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 18),
		}, []string{"size"}),
	}
	m.SweepFailures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "bulkhead_sweep_failures_total", Help: "Things left undone that a sweep could not put right, each time.",
	})
	for _, outcome := range []string{"created", "updated", "superseded", "rejected", "over_quota"} {
		m.Rows.WithLabelValues(outcome) // so that a rate exists before the first row
	}
	m.Registry.MustRegister(m.SweepFailures, m.Rows, m.BytesIngested, m.BatchSeconds, m.ImportSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Size names the class of an import by its rows, for labels.
func Size(rows int64) string {
	switch {
	case rows < 10_000:
		return "small"
	case rows < 1_000_000:
		return "medium"
	default:
		return "large"
	}
}
