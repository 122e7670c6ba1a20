package simulate

import (
	"fmt"
	"math/rand/v2"
	"time"

	"bulkhead/internal/bulk"
)

// The cluster of most experiments.
const (
	manyNodes = 100
	slotsEach = 8
	allSlots  = manyNodes * slotsEach
	dispersed = 16 // dispatchers
	smallSize = 5  // batches of a small import
)

// whales returns accounts that always have work, on partitions by chance.
func whales(n int, seed uint64) []account {
	rnd := rand.New(rand.NewPCG(seed, 2))
	all := make([]account, n)
	for i := range all {
		all[i] = account{id: bulk.AccountID(fmt.Sprint("whale", i)), weight: 1, rows: fullRows, row: perRow, files: 1, partition: rnd.Int32N(partsAll)}
	}
	return all
}

// span is a part of simulated time.
type span struct{ from, to time.Duration }

// smalls returns small imports of accounts that have no other, at Poisson times, so that
// they alone keep the share load of the slots busy. Those from a moment on are measured.
func smalls(load float64, slots int, during span, seed uint64) []arrival {
	rnd := rand.New(rand.NewPCG(seed, 3))
	mean := smallSize * fullRows * perRow.Seconds() / (load * float64(slots))
	var all []arrival
	for at := 0.0; ; {
		at += rnd.ExpFloat64() * mean
		when := time.Duration(at * 1e9)
		if when >= during.to {
			return all
		}
		t := &account{id: bulk.AccountID(fmt.Sprint("small", len(all))), weight: 1, rows: fullRows, row: perRow, partition: rnd.Int32N(partsAll)}
		all = append(all, arrival{at: when, account: t, batches: smallSize, measured: when >= during.from})
	}
}

// crowd is E1: small imports beside whales.
func crowd(b beside, during span, seed uint64) scene {
	return scene{
		nodes: manyNodes, slots: slotsEach, dispatchers: dispersed,
		accounts: whales(b.whales, seed), arrivals: smalls(b.load, allSlots, during, seed),
		span: during, window: during.to - during.from,
	}
}

// limping is E4: the same with some nodes that are four times slower.
func limping(b beside, during span, seed uint64) scene {
	s := crowd(b, during, seed)
	s.slow, s.slower = 0.05, 4
	return s
}
