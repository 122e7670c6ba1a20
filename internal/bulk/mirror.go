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
	Rows     int64 // live records
	Versions int64 // of their (op_seq, row_no)
	Values   int64 // of their columns
}

// DigestModulus keeps the sums of a digest far from overflow at 10⁹ records.
const DigestModulus = 65521
