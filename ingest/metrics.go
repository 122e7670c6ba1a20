package ingest

import (
	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/telemetry"
)

// Metrics are what an Uploads measures.
type Metrics struct {
	Bytes      prometheus.Counter     // acknowledged to clients
	Stage      prometheus.Observer    // seconds to encode, store and record a batch
	Active     *prometheus.GaugeVec   // files being read, by work: upload, decoding, preview
	PermitWait prometheus.Histogram   // from asking for a permit to getting it
	Refused    *prometheus.CounterVec // requests that were told to come again, by reason: account, process, slow
	Memory     *prometheus.GaugeVec   // of requests, by state: reserved, budget
}

// NewMetrics registers the metrics; reg may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		Bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "bulkhead_bytes_ingested_total", Help: "Bytes of files that were acknowledged.",
		}),
		Stage: telemetry.BatchSeconds(reg).WithLabelValues("stage"),
		Active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_ingest_active", Help: "Files being read, by what reads them.",
		}, []string{"work"}),
		PermitWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "bulkhead_ingest_turn_wait_seconds", Help: "Time that an upload waited for a permit to scan or encode.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16), // 0.1 ms to 3 s
		}),
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "bulkhead_ingest_refused_total", Help: "Requests refused with 503 for want of memory: what the account may have, what the process has, or because they sent too slowly while others waited.",
		}, []string{"reason"}),
		Memory: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "bulkhead_ingest_memory_bytes", Help: "Memory for requests: what they reserved, and what there is.",
		}, []string{"state"}),
	}
	for _, work := range []string{workUpload, workDecoding, workPreview} {
		m.Active.WithLabelValues(work) // so that a zero is shown
	}
	for _, reason := range []string{refusedAccount, refusedProcess, refusedSlow} {
		m.Refused.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(m.Bytes, m.Active, m.PermitWait, m.Refused, m.Memory)
	}
	return m
}

// The kinds of work on a file.
const (
	workUpload   = "upload"
	workDecoding = "decoding"
	workPreview  = "preview"
)
