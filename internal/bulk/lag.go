package bulk

import "time"

// Lag tells how far apart accounts were that had work at the same time, beside how far they
// may be at most, within the last hour. A pair is worst whose lag is the largest part of
// its bound.
type Lag struct {
	Latest  *Pair       `json:"latest"`  // the worst of the windows that ended within the last minute; null: not measured
	Worst   *Pair       `json:"worst"`   // the worst of the hour; null: not measured
	Minutes []LagMinute `json:"minutes"` // 60, the oldest first
}

// LagMinute is the worst of the windows that ended within a minute.
type LagMinute struct {
	End      time.Time `json:"end"`
	Complete bool      `json:"complete"` // every dispatcher measured it; false: pairs may be missing
	Worst    *Pair     `json:"worst"`    // null: no two accounts had work throughout one of its windows
}

// Pair is two accounts that both had a batch that may run throughout a window. With S the
// slot time that an account had in it and w its weight, the lag is the difference of S ÷ w,
// and the bound what that may be at most:
//
//	bound = rounds + unsettled of both + dispatchers
//	unsettled = (in flight + 1) × longest batch ÷ weight + allowance
type Pair struct {
	Start         time.Time `json:"start"`
	End           time.Time `json:"end"`
	Ahead         Served    `json:"ahead"`    // had more
	Behind        Served    `json:"behind"`   // had less
	Accounts      int       `json:"accounts"` // that had work throughout the window, everywhere
	LagMS         float64   `json:"lag_ms"`
	BoundMS       float64   `json:"bound_ms"`
	Ratio         float64   `json:"ratio"`          // lag ÷ bound; above 1: the promise was broken
	RoundsMS      float64   `json:"rounds_ms"`      // of the bound: rounds that are open at either end of the window
	DispatchersMS float64   `json:"dispatchers_ms"` // of the bound: what nodes may be wrong by that share slots among dispatchers; 0: the pair has one
}

// Served is what an account that had work throughout a window had of the slots.
type Served struct {
	Account     AccountID `json:"account_id"`
	Name        string    `json:"name,omitempty"`
	Weight      int       `json:"weight"`
	SlotMS      float64   `json:"slot_ms"`                // slot time within the window
	InFlight    int       `json:"in_flight"`              // most batches at once
	LongestMS   float64   `json:"longest_ms"`             // slot time of its longest batch, or the largest charge
	AllowanceMS float64   `json:"allowance_ms"`           // slot time ÷ weight that it could run ahead of the round when the window began
	UnsettledMS float64   `json:"unsettled_ms,omitempty"` // see [Pair]
}

// Measured is what accounts are compared by, see [Lag].
type Measured struct {
	Queues []Queue // of every dispatcher that answered
	Silent bool    // others did not
	Slots  int     // of all processors
	Nodes  int     // processors
}

// LagWindow is what one dispatcher measured of its accounts between two moments, which are the same
// ones at every dispatcher.
type LagWindow struct {
	End       time.Time     `json:"end"`
	Length    time.Duration `json:"length_ns"`
	Accounts  int           `json:"accounts"`   // that had work throughout
	Weight    int           `json:"weight"`     // theirs in sum
	Least     int           `json:"least"`      // weight of any account here
	LongestMS float64       `json:"longest_ms"` // slot time of anybody's longest batch
	Furthest  []Served      `json:"furthest"`   // those that may be of the worst pair
}
