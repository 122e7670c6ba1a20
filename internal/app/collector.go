package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
	"bulkhead/internal/store"
)

// ledgerCollector reads gauges of the whole cluster from the ledger when they are
// scraped, so that every process reports the same truth.
type ledgerCollector struct {
	store *store.Store
	log   *slog.Logger
}

var (
	batchesDesc     = prometheus.NewDesc("bulkhead_batches", "Batches of unfinished imports by state.", []string{"state"}, nil)
	quarantinedDesc = prometheus.NewDesc("bulkhead_quarantined_batches", "Batches that were set aside after failing too often.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- batchesDesc
	ch <- quarantinedDesc
}

// Collect implements prometheus.Collector.
func (c ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
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
