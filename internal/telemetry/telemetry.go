// Package telemetry makes the logger and the registry of metrics that a process hands to
// its parts. Nothing here is global. Each room that measures has a struct Metrics, made by
// its NewMetrics(registry), and takes it in its Config; without one it measures for nobody.
// Here is only what several rooms feed, and what is read from the ledger when it is scraped.
//
// The metrics are those that the operator's dashboards rely on; none has an account
// or a file name in its labels, so their number does not grow with use.
package telemetry

import (
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"bulkhead/internal/requestid"
)

// NewLogger writes to w, as text for people or as JSON for collectors. What is logged with
// the context of a request carries its request_id.
func NewLogger(w io.Writer, level slog.Level, asJSON bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if asJSON {
		return slog.New(requestid.Logged(slog.NewJSONHandler(w, o)))
	}
	return slog.New(requestid.Logged(slog.NewTextHandler(w, o)))
}

// NewRegistry returns one that measures Go and the process.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// Handler serves what is registered at /metrics.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 8})
}

// BatchSeconds is how long a batch took in a stage: stage, read, validate, commit. Several
// rooms feed it, so the first one registers it; reg may be nil.
func BatchSeconds(reg prometheus.Registerer) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "bulkhead_batch_seconds", Help: "Time that one batch took in a stage.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 16),
	}, []string{"stage"})
	if reg == nil {
		return h
	}
	err := reg.Register(h)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		return known.ExistingCollector.(*prometheus.HistogramVec)
	}
	if err != nil {
		panic(err) // as MustRegister does
	}
	return h
}
