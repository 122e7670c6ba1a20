package bulk

import "time"

// Committed names a committed batch and the moment of its commit.
type Committed struct {
	BatchID
	At time.Time
}

// ImportVersion names an import as it was at one of its changes.
type ImportVersion struct {
	Account AccountID `db:"account_id"`
	ID      ImportID  `db:"id"`
	Version int64     `db:"version"`
}

// EndedBatch is a batch that needs no work any more. Of its import it knows who, what and
// which version.
type EndedBatch struct {
	Import Import
	Batch  Batch
}

// Difference is what was wrong with the rows of an account in one table of analytics.
type Difference struct {
	Table    string    `json:"table"` // as people ask it, without what lies behind
	Account  AccountID `json:"account_id"`
	What     Wrong     `json:"what"`
	Rows     int64     `json:"rows"`
	Repaired bool      `json:"repaired"` // the account's rows are equal now
}

// Wrong is what can be wrong with a row of analytics.
type Wrong string

// The kinds of difference.
const (
	WrongMissing Wrong = "missing" // the store has it, analytics do not show it
	WrongChanged Wrong = "changed" // other values than the store has
	WrongForeign Wrong = "foreign" // the store does not have it
	WrongDoubled Wrong = "doubled" // there more than once; the views show it once
)

// Reconciliation is what a comparison cost.
type Reconciliation struct {
	Tables    int64 `json:"tables"`
	Rows      int64 `json:"rows"`      // of the store that were compared
	Questions int64 `json:"questions"` // about ranges of keys, asked of analytics
	Looked    int64 `json:"looked"`    // rows of analytics that were looked at one by one
	Written   int64 `json:"written"`   // rows written to repair, those that take others away included
}
