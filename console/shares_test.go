package console

import (
	"math"
	"math/rand/v2"
	"testing"

	"bulkhead/internal/bulk"
)

// share makes an account's row; due says whether it has batches due.
func share(weight int, slotMS float64, due bool, limit *int) bulk.AccountShare {
	a := bulk.AccountShare{AccountQueue: bulk.AccountQueue{Weight: weight, SlotMS: slotMS, Cap: limit}}
	if due {
		a.Waiting = 5
	}
	return a
}

func TestEntitledShareIsMaxMin(t *testing.T) {
	held := share(1, 0, true, nil)
	held.Paused = held.Waiting
	for name, tt := range map[string]struct {
		accounts []bulk.AccountShare
		want     []float64
	}{
		"by weight":                          {[]bulk.AccountShare{share(1, 100, true, nil), share(3, 100, true, nil)}, []float64{.25, .75}},
		"nothing used yet":                   {[]bulk.AccountShare{share(1, 0, true, nil), share(1, 0, true, nil), share(4, 0, false, nil)}, []float64{.5, .5, 0}},
		"what one leaves goes to the others": {[]bulk.AccountShare{share(2, 100, false, nil), share(1, 600, true, nil), share(2, 300, true, nil)}, []float64{.1, .3, .6}},
		"nobody wants more than it had":      {[]bulk.AccountShare{share(1, 900, false, nil), share(16, 100, false, nil)}, []float64{.9, .1}},
		"a cap below the share":              {[]bulk.AccountShare{share(1, 60_000, true, new(1)), share(1, 180_000, true, nil)}, []float64{.25, .75}},
		"a cap above the share":              {[]bulk.AccountShare{share(1, 120_000, true, new(3)), share(1, 120_000, true, nil)}, []float64{.5, .5}},
		"a paused account wants nothing":     {[]bulk.AccountShare{share(8, 0, true, new(0)), share(1, 500, true, nil)}, []float64{0, 1}},
		"held batches want nothing":          {[]bulk.AccountShare{held, share(1, 500, true, nil)}, []float64{0, 1}},
		"nobody":                             {nil, nil},
	} {
		fillShares(tt.accounts)
		for i, a := range tt.accounts {
			if math.Abs(a.Entitled-tt.want[i]) > 1e-9 {
				t.Errorf("%s: account %d is entitled to %.3f, want %.3f", name, i, a.Entitled, tt.want[i])
			}
		}
	}
}

// Whatever is wanted: nobody gets more than that, all is given out while somebody wants
// it, and who is left wanting gets as much a weight as anybody.
func TestMaxMinLaws(t *testing.T) {
	for range 2000 {
		n := 1 + rand.IntN(12)
		wants, weights, all := make([]float64, n), make([]int, n), 0.0
		for i := range n {
			wants[i], weights[i] = rand.Float64()*rand.Float64(), 1+rand.IntN(16)
			all += wants[i]
		}
		shares, sum, most := maxMin(wants, weights), 0.0, 0.0
		for i, s := range shares {
			sum += s
			most = max(most, s/float64(weights[i]))
		}
		if math.Abs(sum-min(1, all)) > 1e-9 {
			t.Fatalf("%v by %v: gave out %f of %f", wants, weights, sum, min(1, all))
		}
		for i, s := range shares {
			if s > wants[i]+1e-9 || s < wants[i]-1e-9 && s/float64(weights[i]) < most-1e-9 {
				t.Fatalf("%v by %v: share %d of %v", wants, weights, i, shares)
			}
		}
	}
}
