package check

import (
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	_ "github.com/prometheus/prometheus/discovery/dns" // so that the configuration may name it
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// alerts reads the rules by name, judged by Prometheus' own parser.
func alerts(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../monitoring/rules.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	out := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			out[r.Alert] = r
		}
	}
	return out
}

func TestAlertsSayWhatToDo(t *testing.T) {
	for name, r := range alerts(t) {
		checkQuery(t, r.Expr)
		if r.Annotations["summary"] == "" || r.Labels["severity"] != "warning" && r.Labels["severity"] != "critical" {
			t.Errorf("%s has no summary or no severity", name)
		}
		file, anchor, _ := strings.Cut(r.Annotations["runbook"], "#")
		text, err := os.ReadFile(root + "/" + file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !anchors(string(text))[anchor] {
			t.Errorf("%s: %s has no heading for #%s", name, file, anchor)
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)

// anchors are those that GitHub gives to the headings of a page.
func anchors(markdown string) map[string]bool {
	out := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(markdown, -1) {
		kept := regexp.MustCompile(`[^\p{L}\p{N}_ -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		out[strings.ReplaceAll(kept, " ", "-")] = true
	}
	return out
}

// What fires is decided by Prometheus' engine over series of 30 minutes.
var firing = []struct {
	name, series string
	fires        bool
}{
	{"BulkheadDown", `up{job="bulkhead", role="ingest"} 0x30`, true},
	{"BulkheadDown", `up{job="bulkhead", role="ingest"} 1x30`, false},
	{"BulkheadLedgerUnread", `up{job="bulkhead"} 1x30`, true},
	{"BulkheadLedgerUnread", `up{job="bulkhead"} 1x30
		bulkhead_batches{state="staged"} 0x30`, false},
	{"BulkheadLedgerUnread", `up{job="bulkhead"} 0x30`, false},
	{"BulkheadStoreBusy", `bulkhead_batch_seconds_bucket{stage="commit", le="8.192"} 0x30
		bulkhead_batch_seconds_bucket{stage="commit", le="16.384"} 0+9x30
		bulkhead_batch_seconds_bucket{stage="commit", le="+Inf"} 0+9x30`, true},
	{"BulkheadStoreBusy", `bulkhead_batch_seconds_bucket{stage="commit", le="1.024"} 0+9x30
		bulkhead_batch_seconds_bucket{stage="commit", le="+Inf"} 0+9x30`, false},
	{"BulkheadOutboxLag", `bulkhead_outbox_lag_seconds{instance="a"} 0x30
		bulkhead_outbox_lag_seconds{instance="b"} 45x30`, true},
	{"BulkheadOutboxLag", `bulkhead_outbox_lag_seconds 4x30`, false},
	{"BulkheadNoSlots", `up{job="bulkhead"} 1x30`, true},
	{"BulkheadNoSlots", `up{job="bulkhead"} 1x30
		bulkhead_slots{state="idle"} 0x30
		bulkhead_slots{state="busy"} 4x30`, false},
	{"BulkheadStalled", `bulkhead_batches{state="staged", instance="a"} 7x30
		bulkhead_batches{state="staged", instance="b"} 7x30
		bulkhead_slots{state="idle"} 4x30
		bulkhead_dispatch_decisions_total 50x30`, true},
	{"BulkheadStalled", `bulkhead_batches{state="staged"} 7x30
		bulkhead_slots{state="idle"} 4x30`, true},
	{"BulkheadStalled", `bulkhead_batches{state="staged"} 7x30
		bulkhead_slots{state="idle"} 4x30
		bulkhead_dispatch_decisions_total 0+1x30`, false},
	{"BulkheadSlotsExhausted", `bulkhead_batches{state="staged"} 41x30
		bulkhead_slots{state="idle"} 0x30
		bulkhead_slots{state="busy"} 4x30`, true},
	{"BulkheadSlotsExhausted", `bulkhead_batches{state="staged"} 39x30
		bulkhead_slots{state="idle"} 0x30
		bulkhead_slots{state="busy"} 4x30`, false},
	{"BulkheadSlotsExhausted", `bulkhead_batches{state="staged"} 41x30
		bulkhead_slots{state="idle"} 1x30
		bulkhead_slots{state="busy"} 3x30`, false},
	{"BulkheadSmallImportsWait", `bulkhead_queue_wait_seconds_bucket{size="small", le="40.96"} 0x30
		bulkhead_queue_wait_seconds_bucket{size="small", le="81.92"} 0+9x30
		bulkhead_queue_wait_seconds_bucket{size="small", le="+Inf"} 0+9x30`, true},
	{"BulkheadSmallImportsWait", `bulkhead_queue_wait_seconds_bucket{size="large", le="40.96"} 0x30
		bulkhead_queue_wait_seconds_bucket{size="large", le="81.92"} 0+9x30
		bulkhead_queue_wait_seconds_bucket{size="large", le="+Inf"} 0+9x30`, false},
	{"BulkheadBatchesStarve", `bulkhead_queue_oldest_seconds{job="bulkhead", instance="a"} 0+60x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="a"} 7x30
		bulkhead_queue_oldest_seconds{job="bulkhead", instance="b"} 3x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="b"} 0+40x30`, true},
	{"BulkheadBatchesStarve", `bulkhead_queue_oldest_seconds{job="bulkhead", instance="a"} 900x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="a"} 0+1x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="b"} 0+40x30`, false},
	{"BulkheadBatchesStarve", `bulkhead_queue_oldest_seconds{job="bulkhead", instance="a"} 0x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="a"} 7x30
		bulkhead_dispatch_decisions_total{job="bulkhead", instance="b"} 0+40x30`, false},
	{"BulkheadOldestBatchWaits", `bulkhead_queue_oldest_seconds{instance="a"} 2x30
		bulkhead_queue_oldest_seconds{instance="b"} 4000x30`, true},
	{"BulkheadOldestBatchWaits", `bulkhead_queue_oldest_seconds 1800x30`, false},
	{"BulkheadUnfair", `bulkhead_fairness_lag_seconds{instance="a"} 2x30
		bulkhead_fairness_bound_seconds{instance="a"} 4x30
		bulkhead_fairness_lag_seconds{instance="b"} 5x30
		bulkhead_fairness_bound_seconds{instance="b"} 4x30`, true},
	{"BulkheadUnfair", `bulkhead_fairness_lag_seconds{instance="a"} 5x30
		bulkhead_fairness_bound_seconds{instance="a"} 6x30
		bulkhead_fairness_lag_seconds{instance="b"} 2x30
		bulkhead_fairness_bound_seconds{instance="b"} 4x30`, false},
	{"BulkheadIngestFull", `bulkhead_ingest_refused_total{reason="process", instance="a"} 0+6x30
		bulkhead_ingest_refused_total{reason="process", instance="b"} 0+6x30`, true},
	{"BulkheadIngestFull", `bulkhead_ingest_refused_total{reason="process"} 7x30
		bulkhead_ingest_refused_total{reason="account"} 0+600x30`, false},
	{"BulkheadBatchesQuarantined", `bulkhead_quarantined_batches{instance="a"} 3x10 4x20
		bulkhead_quarantined_batches{instance="b"} 3x10 4x20`, true},
	{"BulkheadBatchesQuarantined", `bulkhead_quarantined_batches 3x30`, false},
	{"BulkheadRejects", `bulkhead_rows_total{outcome="created"} 0+100x30
		bulkhead_rows_total{outcome="rejected"} 0+900x30`, true},
	{"BulkheadRejects", `bulkhead_rows_total{outcome="created"} 0+1x30
		bulkhead_rows_total{outcome="rejected"} 0+9x30`, false},
	{"BulkheadAnalyticsDown", `bulkhead_analytics_up{instance="a"} 1x30
		bulkhead_analytics_up{instance="b"} 1x20 0x10`, true},
	{"BulkheadAnalyticsDown", `bulkhead_analytics_up 1x30`, false},
	{"BulkheadMirrorLag", `bulkhead_mirror_lag_seconds 400x30`, true},
	{"BulkheadMirrorLag", `bulkhead_mirror_lag_seconds 0+60x30`, true},
	{"BulkheadMirrorLag", `bulkhead_mirror_lag_seconds 20x30`, false},
}

func TestAlertsFire(t *testing.T) {
	engine, all, tested := promqltest.NewTestEngine(t, false, 0, 10_000), alerts(t), map[string]bool{}
	for _, tt := range firing {
		tested[tt.name] = true
		t.Run(tt.name, func(t *testing.T) {
			// The value does not matter, only whether there is one: the count of series is 1 or 0.
			want := map[bool]string{true: "1", false: "0"}[tt.fires]
			query := "count(" + strings.Join(strings.Fields(all[tt.name].Expr), " ") + ") or vector(0)"
			promqltest.RunTest(t, "load 1m\n\t"+strings.ReplaceAll(tt.series, "\t\t", "\t")+"\n\neval instant at 29m "+query+"\n\t{} "+want+"\n", engine)
		})
	}
	for name := range all {
		if !tested[name] {
			t.Errorf("nothing shows that %s fires", name)
		}
	}
}

func TestPrometheusTakesItsConfiguration(t *testing.T) {
	c, err := config.LoadFile("../monitoring/prometheus.yaml", false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.ScrapeConfigs) != 1 || c.ScrapeConfigs[0].JobName != "bulkhead" {
		t.Errorf("scrapes %+v, want the job that the rules name", c.ScrapeConfigs)
	}
}
