package sample

import (
	"cmp"
	"math/bits"
	"math/rand/v2"

	"bulkhead/internal/bulk"
)

// kind is what a row of the file is.
type kind int

const (
	fresh  kind = iota // valid, with a key that no earlier row has
	repeat             // valid, with the key of an earlier valid row
	broken             // invalid, with a key of its own
)

// plan decides row by row what comes next, so that the file ends with the exact
// number of each kind: selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S).
// It remembers a few earlier keys to repeat: the latest ones, and a uniform sample
// of all of them (algorithm R), so that repeats are near and far.
type plan struct {
	rng     *rand.PCG
	left    int64
	broken  int64 // of left
	repeats int64 // of left
	key     int64 // of the next row that does not repeat one
	seen    int64 // valid keys so far
	near    [64]int64
	far     [4096]int64
}

func newPlan(o Options) (*plan, error) {
	p := &plan{rng: rand.NewPCG(o.Seed, 1), left: o.Rows, key: cmp.Or(o.FirstKey, 1)}
	p.broken, p.repeats = share(o.Rows, o.RejectRate), share(o.Rows, o.DuplicateRate)
	switch {
	case o.Rows < 0 || p.broken < 0 || p.repeats < 0 || p.broken+p.repeats > o.Rows:
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_rate", "Rows and rates must not be negative, and the rates' sum at most 1.")
	case p.repeats > 0 && p.broken+p.repeats == o.Rows:
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_rate", "No valid row is left whose key the duplicates could repeat.")
	}
	return p, nil
}

// next returns the kind and key number of the next row.
func (p *plan) next() (kind, int64) {
	draw := below(p.rng, p.left)
	p.left--
	switch {
	case draw < p.broken:
		p.broken--
		p.key++
		return broken, p.key - 1
	case draw < p.broken+p.repeats && p.seen > 0:
		p.repeats--
		return repeat, p.earlier()
	}
	p.remember(p.key)
	p.key++
	return fresh, p.key - 1
}

func (p *plan) remember(key int64) {
	p.near[p.seen%int64(len(p.near))] = key
	p.seen++
	if i := below(p.rng, p.seen); p.seen <= int64(len(p.far)) {
		p.far[p.seen-1] = key
	} else if i < int64(len(p.far)) {
		p.far[i] = key
	}
}

func (p *plan) earlier() int64 {
	if p.rng.Uint64()&1 == 0 {
		return p.near[below(p.rng, min(p.seen, int64(len(p.near))))]
	}
	return p.far[below(p.rng, min(p.seen, int64(len(p.far))))]
}

// below returns a number in [0, n), n > 0. Its bias of n/2⁶⁴ does not matter here.
func below(rng *rand.PCG, n int64) int64 {
	hi, _ := bits.Mul64(rng.Uint64(), uint64(n))
	return int64(hi)
}
