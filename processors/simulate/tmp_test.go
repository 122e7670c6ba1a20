package simulate

import (
	"testing"
	"time"
)

func TestTmpE1(t *testing.T) {
	for _, c := range []struct {
		n    int
		load float64
	}{{0, .5}, {1, .5}, {10, .5}, {100, .3}, {400, .2}} {
		seed := uint64(1)
		alone, err := run(crowd(0, c.load, seed), Designs[0], seed)
		if err != nil {
			t.Fatal(err)
		}
		a := quantile(latencies(alone), .99)
		t.Logf("%d whales: alone p50 %v p99 %v copies %d of %d n=%d", c.n, quantile(latencies(alone), .5), a, alone.copies, alone.grants, len(alone.samples))
		g := ideal(crowd(c.n, c.load, seed), seed)
		t.Logf("   ideal p50 %v p99 %v (%.2f) n=%d", quantile(g, .5), quantile(g, .99), ratio(quantile(g, .99), a), len(g))
		for _, d := range Designs {
			began := time.Now()
			o, err := run(crowd(c.n, c.load, seed), d, seed)
			if err != nil {
				t.Error(err)
				continue
			}
			p := quantile(latencies(o), .99)
			t.Logf("   %-10s p50 %v p99 %v ÷alone %.2f idle %.3f%% copies %d grants %d n=%d  took %v", d.Name, quantile(latencies(o), .5), p, ratio(p, a), 100*ratio(o.idle, o.capacity), o.copies, o.grants, len(o.samples), time.Since(began))
		}
	}
}
