package bulk

import "time"

// Queue is how a dispatcher stands: what waits at it and how its accounts share the slots.
type Queue struct {
	Dispatcher NodeID         `json:"dispatcher"` // the process
	Partitions []int32        `json:"partitions"` // of the batches topic that it owns
	Waiting    int            `json:"waiting"`    // batches
	InFlight   int            `json:"in_flight"`
	BackingOff int            `json:"backing_off"` // batches that failed and come again
	Copies     int            `json:"copies"`      // second leases of slow batches, now
	Weight     int            `json:"weight"`      // of the accounts that have work due: what it advertises to processors
	Accounts   []AccountQueue `json:"accounts"`    // those with work here, or that had some within the last minute
	Calibration
	Windows  []LagWindow `json:"windows"`  // of the last hour, see [Lag]; those in which no account had work throughout are left out
	Measured time.Time   `json:"measured"` // since when Windows tells all of the accounts of the partitions
}

// AccountQueue is how one account stands at its dispatcher.
type AccountQueue struct {
	Account   AccountID  `json:"account_id"`
	Weight    int        `json:"weight"`
	Cap       *int       `json:"cap"`        // most batches in flight; null: no bound, 0: paused
	DeficitMS float64    `json:"deficit_ms"` // slot time it may still use in this turn; negative: debt
	Newcomer  bool       `json:"newcomer"`   // it still runs ahead of the round
	Waiting   int        `json:"waiting"`    // batches, paused ones included
	Paused    int        `json:"held"`       // of these, batches of paused imports
	InFlight  int        `json:"in_flight"`
	Oldest    *time.Time `json:"oldest"`  // when the batch was staged that waits longest; null: none waits
	SlotMS    float64    `json:"slot_ms"` // slot time used within the last minute
}

// Calibration counts how past estimates of waits turned out. Estimates are good when
// Median is half of Waits and Upper nine in ten of them.
type Calibration struct {
	Waits  int64 `json:"waits"`         // that had to wait and are over
	Median int64 `json:"within_median"` // of these, over before the median estimate
	Upper  int64 `json:"within_upper"`  // of these, over before the upper estimate
}

// Wait tells why an import's next batch does not run yet, and for how long.
type Wait struct {
	Import   ImportID      `json:"import_id"`
	Waiting  int           `json:"waiting"`   // batches
	InFlight int           `json:"in_flight"` // batches
	Reason   WaitReason    `json:"reason"`
	Place    int           `json:"place"`     // among the account's imports that wait, from 1; 0: nothing is due
	Before   int           `json:"before"`    // estimate: batches, of all accounts, that begin before its next one
	Median   time.Duration `json:"median_ns"` // estimate: half of such waits are shorter
	Upper    time.Duration `json:"upper_ns"`  // estimate: nine in ten are shorter
}

// WaitReason says what an import's next batch waits for.
type WaitReason string

// The reasons to wait.
const (
	WaitsForNothing WaitReason = "next"       // it runs as soon as a slot asks
	WaitsForOthers  WaitReason = "others"     // accounts take turns, and it is the turn of others
	WaitsForOwn     WaitReason = "own"        // other imports of the same account go first
	WaitsForCap     WaitReason = "cap"        // the account has as many batches in flight as it may
	WaitsForPause   WaitReason = "paused"     // the import or its account is paused
	WaitsForRetry   WaitReason = "retry"      // its batches failed and come again after a back-off
	WaitsForFile    WaitReason = "file"       // what was uploaded is done; more has to arrive
	WaitsForOwner   WaitReason = "dispatcher" // no dispatcher knows it yet: it was just staged, or its dispatcher just ended
)
