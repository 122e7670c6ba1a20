package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"bulkhead/internal/bulk"
)

// The cluster and the accounts of E3: small enough for a day, which is a million batches.
const (
	dayNodes    = 2
	daySlots    = 2 // of each node
	dayAccounts = 2000
	dayLargest  = 2000 // batches of an import of the largest account
	dayLoad     = 0.8
)

// day is E3: accounts whose imports are as large as Zipf's law says, the one of rank r
// dayLargest ÷ r batches, each with the same Poisson rate.
func day(length time.Duration, seed uint64) scene {
	rnd := rand.New(rand.NewPCG(seed, 4))
	accounts := make([]account, dayAccounts)
	sizes, sum := make([]int, dayAccounts), 0
	for i := range accounts {
		accounts[i] = account{id: bulk.AccountID(fmt.Sprint("account", i)), weight: 1, rows: fullRows, row: perRow, partition: rnd.Int32N(partsAll)}
		sizes[i] = max(1, int(math.Round(dayLargest/float64(i+1))))
		sum += sizes[i]
	}
	mean := float64(sum) / dayAccounts * fullRows * perRow.Seconds() / (dayLoad * dayNodes * daySlots)
	s := scene{nodes: dayNodes, slots: daySlots, dispatchers: 2, gaps: true, span: span{time.Minute, length}}
	for at := 0.0; ; {
		at += rnd.ExpFloat64() * mean
		when := time.Duration(at * 1e9)
		if when >= length {
			return s
		}
		i := rnd.IntN(dayAccounts)
		s.arrivals = append(s.arrivals, arrival{at: when, account: &accounts[i], batches: sizes[i], measured: true})
	}
}

// longestGap is the most rounds of all accounts that passed while some account waited
// for its next batch.
func longestGap(s scene) float64 {
	longest := 0.0
	for i := range s.arrivals {
		for _, g := range s.arrivals[i].account.gaps {
			longest = max(longest, g.longest)
		}
	}
	return longest
}
