package telemetry

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
)

// What is measured here is read when it is scraped, so that it is true then, whatever
// work hangs meanwhile. What cannot be read within the time is absent, never an old value.
const scrapeWithin = 5 * time.Second

// Ledger knows the state of the whole cluster.
type Ledger interface {
	// UnpublishedAge is the age of the oldest batch that the broker has not been given.
	UnpublishedAge(ctx context.Context) (time.Duration, error)
	// UnmirroredAge is the age of the oldest committed batch that analytics may lack.
	UnmirroredAge(ctx context.Context) (time.Duration, error)
	// BatchStates counts the batches of unfinished imports, and all that are quarantined.
	BatchStates(ctx context.Context) (states map[bulk.BatchState]int64, quarantined int64, err error)
}

// CollectLedger registers gauges that are read from the ledger, so that every process
// reports the same truth.
func CollectLedger(reg prometheus.Registerer, ledger Ledger, log *slog.Logger) {
	reg.MustRegister(ledgerCollector{source{ledger, log}})
}

// CollectMirror registers how far analytics are behind, by the ledger, and whether their
// engine answers.
func CollectMirror(reg prometheus.Registerer, ledger Ledger, engineUp func() bool, log *slog.Logger) {
	reg.MustRegister(mirrorCollector{source{ledger, log}, engineUp})
}

// source is where the collectors read.
type source struct {
	ledger Ledger
	log    *slog.Logger
}

type ledgerCollector struct{ source }

var (
	batchesDesc     = prometheus.NewDesc("bulkhead_batches", "Batches of unfinished imports by state.", []string{"state"}, nil)
	quarantinedDesc = prometheus.NewDesc("bulkhead_quarantined_batches", "Batches that were set aside after failing too often.", nil, nil)
	outboxLagDesc   = prometheus.NewDesc("bulkhead_outbox_lag_seconds", "Age of the oldest staged batch whose reference is not published yet; 0 when none is.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- batchesDesc
	ch <- quarantinedDesc
	ch <- outboxLagDesc
}

// Collect implements prometheus.Collector.
func (c ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	c.sendAge(ctx, ch, outboxLagDesc, c.ledger.UnpublishedAge)
	n, quarantined, err := c.ledger.BatchStates(ctx)
	if err != nil {
		c.log.Warn("gauges of the ledger not read", "error", err)
		return
	}
	for _, state := range []bulk.BatchState{bulk.BatchStaged, bulk.BatchChecked, bulk.BatchCommitted} {
		ch <- prometheus.MustNewConstMetric(batchesDesc, prometheus.GaugeValue, float64(n[state]), string(state))
	}
	ch <- prometheus.MustNewConstMetric(quarantinedDesc, prometheus.GaugeValue, float64(quarantined))
}

// sendAge reads an age and sends it in seconds.
func (c source) sendAge(ctx context.Context, ch chan<- prometheus.Metric, desc *prometheus.Desc, read func(context.Context) (time.Duration, error)) {
	age, err := read(ctx)
	if err != nil {
		c.log.Warn("gauge of the ledger not read", "gauge", desc.String(), "error", err)
		return
	}
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, age.Seconds())
}

type mirrorCollector struct {
	source
	engineUp func() bool
}

var (
	mirrorLagDesc = prometheus.NewDesc("bulkhead_mirror_lag_seconds", "Age of the oldest committed batch that analytics lack; 0 when they lack none.", nil, nil)
	engineUpDesc  = prometheus.NewDesc("bulkhead_analytics_up", "1 if the analytics engine answered within the last 10 s, else 0.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c mirrorCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- mirrorLagDesc
	ch <- engineUpDesc
}

// Collect implements prometheus.Collector.
func (c mirrorCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	up := 0.0
	if c.engineUp() {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(engineUpDesc, prometheus.GaugeValue, up)
	c.sendAge(ctx, ch, mirrorLagDesc, c.ledger.UnmirroredAge)
}
