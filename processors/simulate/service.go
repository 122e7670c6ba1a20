package simulate

import (
	"math"
	"time"
)

// The service time of a batch is rows × the account's time a row × content ×
// circumstance × the node's slowness. The two factors are lognormal with mean 1:
// content stays with the batch, circumstance is drawn anew for each attempt.
const (
	fullRows          = 8000
	rowBytes          = 100
	perRow            = 25 * time.Microsecond // so a full batch takes 200 ms on average
	sigmaContent      = 0.15
	sigmaCircumstance = 0.20
)

var (
	content      = lognormal(sigmaContent)
	circumstance = lognormal(sigmaCircumstance)
)

const quantiles = 4096

// lognormal tabulates the middle of each of 4,096 equally likely ranges of a
// lognormal distribution with mean 1, so that a draw is one look-up.
func lognormal(sigma float64) *[quantiles]float64 {
	var t [quantiles]float64
	for i := range t {
		z := math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/quantiles-1)
		t[i] = math.Exp(sigma*z - sigma*sigma/2)
	}
	return &t
}

// attempt is one of an account to work on a batch of an import.
type attempt struct {
	of        *account
	imp       int32 // of the run
	batch, no int   // of the import, of the batch
}

// service returns what the attempt takes on a node of normal speed. It
// depends on nothing else, so every design meets the same batches.
func (a attempt) service(seed uint64) time.Duration {
	h := mix(seed ^ mix(uint64(a.imp)<<32|uint64(a.batch)))
	own := content[h%quantiles]
	met := circumstance[mix(h+uint64(a.no))%quantiles]
	return time.Duration(a.of.mean(a.batch, h) * own * met)
}

// mean is the slot time of a batch before chance has its part in it.
func (t *account) mean(batch int, chance uint64) float64 {
	switch {
	case t.took == length{}:
		return float64(t.rows) * float64(t.row)
	case t.took.least == t.took.most || batch < t.bait:
		return float64(t.took.least)
	case t.bait > 0:
		return float64(t.took.most)
	}
	spread := math.Log(float64(t.took.most) / float64(t.took.least))
	return float64(t.took.least) * math.Exp(spread*float64(mix(chance+1)>>11)/(1<<53))
}

// failing reports whether the attempt fails.
func (a attempt) failing(seed uint64) bool {
	return a.of.fails > 0 && float64(mix(seed^uint64(a.imp)<<40^uint64(a.batch)<<8^uint64(a.no))>>11)/(1<<53) < a.of.fails
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
