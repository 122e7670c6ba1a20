package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"bulkhead/internal/bulk"
	"bulkhead/processors/dispatch"
)

// The metrics tell of the worst pair while there is one, and of none else.
func TestMetricsTellTheWorstPair(t *testing.T) {
	reg := prometheus.NewRegistry()
	pair := func() map[string]float64 {
		all, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]float64{}
		for _, m := range all {
			if what, ok := strings.CutPrefix(m.GetName(), "bulkhead_fairness_"); ok {
				found[what] = m.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return found
	}
	playWith(t, dispatch.Config{Metrics: dispatch.NewMetrics(reg)}, func(r *rig) {
		var refs []bulk.BatchRef
		for no := range 400 {
			refs = append(refs, r.ref(1, no), r.ref(2, no))
		}
		r.deliver(refs...)
		r.pass(time.Second)
		if p := pair(); len(p) > 0 {
			t.Errorf("the pair is %v before one was measured", p)
		}
		for began := time.Now(); time.Since(began) < 40*time.Second; {
			l := r.lease()
			r.pass(100 * time.Millisecond)
			r.took(l, 100*time.Millisecond)
		}
		if p := pair(); len(p) != 2 || p["bound_seconds"] <= 0 || p["lag_seconds"] > p["bound_seconds"] {
			t.Errorf("the pair is %v", p)
		}
		r.pass(2 * time.Minute) // no slot asks any more
		if p := pair(); len(p) != 2 || p["lag_seconds"] != 0 {
			t.Errorf("the pair is %v, want a lag of 0 while nothing runs", p)
		}
		r.ledger.end("i1")
		r.pass(2 * time.Minute)
		if p := pair(); len(p) > 0 {
			t.Errorf("the pair is %v, although one account is alone", p)
		}
	})
}
