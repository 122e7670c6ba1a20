package bulk

import "time"

// Committed names a committed batch and the moment of its commit.
type Committed struct {
	BatchID
	At time.Time
}

// Digest sums up an account's records in one dataset: two copies with equal digests
// have the same number of records, of the same versions, with values of the same
// lengths, whole numbers and gaps. It finds what is missing, stale or cut, but is no
// proof against someone who wants to deceive.
type Digest struct {
	Rows     int64 `json:"rows"`     // live records
	Versions int64 `json:"versions"` // of their (op_seq, row_no)
	Values   int64 `json:"values"`   // of their columns
}

// DigestModulus keeps the sums of a digest far from overflow at 10⁹ records.
const DigestModulus = 65521

// Difference is an account's records in one dataset of which analytics have others
// than the store.
type Difference struct {
	Account  AccountID   `json:"account_id"`
	Dataset  DatasetName `json:"dataset"`
	Store    Digest      `json:"store"`
	Mirror   Digest      `json:"mirror"`
	Repaired bool        `json:"repaired"` // the same after the records were copied again
}
