package bulk

import "time"

// Fairness is how the accounts share the slots now, over all dispatchers.
type Fairness struct {
	Time        time.Time         `json:"time"`
	Slots       SlotCounts        `json:"slots"`
	Accounts    []AccountShare    `json:"accounts"` // with work, or with some within the last minute; by name
	Lag         Lag               `json:"lag"`
	Calibration Calibration       `json:"calibration"`
	Dispatchers []DispatcherState `json:"dispatchers"`
	Silent      []NodeID          `json:"silent"` // dispatchers that were seen within the last 12 s and did not answer within a second
}

// SlotCounts are the slots of the processors that are alive.
type SlotCounts struct {
	Total int `json:"total"`
	Busy  int `json:"busy"` // batches in flight
}

// AccountShare is what an account gets beside what it may expect. Both are shares, 0
// to 1, of the slot time that all accounts used within the last minute.
//
// Entitled is the max-min fair share: slot time is divided by weights, and what an
// account leaves goes to the others, again by weights. An account that has batches due
// wants all it can get up to its cap; one that has none wanted what it used.
type AccountShare struct {
	AccountQueue
	Name     string  `json:"name"`
	Used     float64 `json:"used"`
	Entitled float64 `json:"entitled"`
}

// DispatcherState is a [Queue] without its accounts.
type DispatcherState struct {
	Dispatcher NodeID  `json:"dispatcher"`
	Partitions []int32 `json:"partitions"`
	Waiting    int     `json:"waiting"`
	InFlight   int     `json:"in_flight"`
	BackingOff int     `json:"backing_off"`
	Copies     int     `json:"copies"`
	Weight     int     `json:"weight"`
}

// Member is a process of the cluster as others see it.
type Member struct {
	Node
	Silent     bool    `json:"silent"`     // no heartbeat for 5 s: it counts as gone
	Partitions []int32 `json:"partitions"` // of a dispatcher that answered within a second; null for others
}
