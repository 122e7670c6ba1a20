package simulate

import (
	"math"
	"time"
)

// settled is when all accounts have used their allowances and averages are learnt.
const settled = 15 * time.Second

// crew returns a scene of accounts that all have work for ever, in which slot time is
// measured by windows.
func crew(accounts []account, windows int, window time.Duration) scene {
	return scene{
		nodes: manyNodes, slots: slotsEach, dispatchers: dispersed, accounts: accounts,
		span: span{settled, settled + time.Duration(windows)*window}, window: window,
	}
}

// weighted is E2: a hundred accounts with the weights 1, 2, 4 and 8.
func weighted(windows int, seed uint64) scene {
	all := whales(100, seed)
	for i := range all {
		all[i].weight = 1 << (i % 4)
	}
	return crew(all, windows, 10*time.Second)
}

// crowded is E5: half of the accounts are on three of the sixteen partitions.
func crowded(span time.Duration, seed uint64) scene {
	all := whales(100, seed)
	for i := range all {
		if i%2 == 0 {
			all[i].partition %= 3
		} else {
			all[i].partition = 3 + all[i].partition%13
		}
	}
	return crew(all, 1, span)
}

// misjudged is E6: every batch is predicted to take 50 ms, those of every other account
// take four times that, and nothing is learnt.
func misjudged(span time.Duration, seed uint64) scene {
	all := whales(100, seed)
	for i := range all {
		all[i].rows = fullRows / 4
		if i%2 == 1 {
			all[i].row = 4 * perRow
		}
	}
	s := crew(all, 1, span)
	s.blind = true
	return s
}

// splitters is E7: the first account has its work in a thousand imports.
func splitters(span time.Duration, seed uint64) scene {
	all := whales(100, seed)
	all[0].files = 1000
	return crew(all, 1, span)
}

// deserved returns every account's slot time ÷ weight in a window.
func deserved(accounts []account, window int) []float64 {
	x := make([]float64, len(accounts))
	for i := range accounts {
		x[i] = accounts[i].windows[window].Seconds() / float64(accounts[i].weight)
	}
	return x
}

// worstJain is Jain's index of the window in which it is least.
func worstJain(accounts []account) float64 {
	worst := 1.0
	for i := range accounts[0].windows {
		worst = min(worst, jain(deserved(accounts, i)))
	}
	return worst
}

// worstShare is how far off its due the account is that is furthest, over all windows.
func worstShare(accounts []account) float64 {
	total := make([]float64, len(accounts))
	sum, weights := 0.0, 0.0
	for i := range accounts {
		for _, w := range accounts[i].windows {
			total[i] += w.Seconds()
		}
		sum += total[i]
		weights += float64(accounts[i].weight)
	}
	worst := 0.0
	for i := range accounts {
		due := sum * float64(accounts[i].weight) / weights
		worst = max(worst, math.Abs(total[i]/due-1))
	}
	return worst
}

// gain is how far the slot time of the first account is off the mean of all.
func gain(accounts []account) float64 {
	x := deserved(accounts, 0)
	mean := 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	return math.Abs(x[0]/mean - 1)
}
