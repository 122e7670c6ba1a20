package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
)

// What is measured here is read when it is scraped, so that it is true then, whatever
// work hangs meanwhile. What cannot be read within the time is absent, never an old value.
const scrapeWithin = 5 * time.Second

// ledgerCollector reads gauges of the whole cluster from the ledger, so that every
// process reports the same truth.
type ledgerCollector struct {
	store *store.Store
	log   *slog.Logger
}

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
	age, err := c.store.UnpublishedAge(ctx)
	sendAge(ch, outboxLagDesc, age, err, c.log)
	n, quarantined, err := c.store.BatchStates(ctx)
	if err != nil {
		c.log.Warn("gauges of the ledger not read", "error", err)
		return
	}
	for _, state := range []bulk.BatchState{bulk.BatchStaged, bulk.BatchChecked, bulk.BatchCommitted} {
		ch <- prometheus.MustNewConstMetric(batchesDesc, prometheus.GaugeValue, float64(n[state]), string(state))
	}
	ch <- prometheus.MustNewConstMetric(quarantinedDesc, prometheus.GaugeValue, float64(quarantined))
}

func sendAge(ch chan<- prometheus.Metric, desc *prometheus.Desc, age time.Duration, err error, log *slog.Logger) {
	if err != nil {
		log.Warn("gauge of the ledger not read", "gauge", desc.String(), "error", err)
		return
	}
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, age.Seconds())
}

// mirrorCollector tells how far analytics are behind, by the ledger, and whether their
// engine answers.
type mirrorCollector struct {
	store  *store.Store
	mirror *mirror.Mirror
	log    *slog.Logger
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
	if c.mirror.EngineUp() {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(engineUpDesc, prometheus.GaugeValue, up)
	age, err := c.store.UnmirroredAge(ctx)
	sendAge(ch, mirrorLagDesc, age, err, c.log)
}
