package console

import (
	"cmp"
	"slices"

	"bulkhead/internal/bulk"
)

// window is how far back used slot time looks, in milliseconds: see [bulk.AccountQueue].
const window = 60_000

// fillShares computes what each account used and was entitled to of the slot time of
// the last minute, see [bulk.AccountShare].
func fillShares(accounts []bulk.AccountShare) {
	total := 0.0
	for _, a := range accounts {
		total += a.SlotMS
	}
	wants, weights := make([]float64, len(accounts)), make([]int, len(accounts))
	for i := range accounts {
		a := &accounts[i]
		if total > 0 {
			a.Used = a.SlotMS / total
		}
		wants[i], weights[i] = wanted(*a, total), a.Weight
	}
	for i, share := range maxMin(wants, weights) {
		accounts[i].Entitled = share
	}
}

// wanted is the share that an account would have used with all slots to itself.
func wanted(a bulk.AccountShare, total float64) float64 {
	due := a.Waiting > a.Paused
	switch {
	case !due || a.Cap != nil && *a.Cap == 0:
		return a.Used
	case a.Cap == nil || total == 0:
		return 1
	}
	return max(a.Used, min(1, float64(*a.Cap)*window/total))
}

// maxMin divides 1 by weights. Nobody gets more than wanted, and what one leaves goes
// to the others: filled in order of want ÷ weight, whoever is satisfied by an even
// share of the rest leaves what is over.
func maxMin(wants []float64, weights []int) []float64 {
	order, weight := make([]int, len(wants)), 0
	for i := range order {
		order[i] = i
		weight += weights[i]
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Compare(wants[i]*float64(weights[j]), wants[j]*float64(weights[i]))
	})
	shares, rest := make([]float64, len(wants)), 1.0
	for _, i := range order {
		shares[i] = min(wants[i], rest*float64(weights[i])/float64(weight))
		rest -= shares[i]
		weight -= weights[i]
	}
	return shares
}
