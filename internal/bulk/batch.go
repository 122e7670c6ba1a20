package bulk

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// BatchState is where a batch stands.
type BatchState string

// The states of a batch.
const (
	BatchStaged      BatchState = "staged"      // in object storage, waiting or being worked on
	BatchChecked     BatchState = "checked"     // dry run: validated, not committed
	BatchCommitted   BatchState = "committed"   // its rows are in the store
	BatchQuarantined BatchState = "quarantined" // failed deterministically too often; kept for inspection
	BatchDropped     BatchState = "dropped"     // its import ended early; not applied
)

// MaxBatchRows bounds the rows of a batch; so many it has unless a setting says less.
const MaxBatchRows = 8192

// BatchStates lists every state of a batch.
var BatchStates = []BatchState{BatchStaged, BatchChecked, BatchCommitted, BatchQuarantined, BatchDropped}

// BatchStatesThat lists the states of a batch of which it is true.
func BatchStatesThat(is func(BatchState) bool) []BatchState {
	return slices.DeleteFunc(slices.Clone(BatchStates), func(s BatchState) bool { return !is(s) })
}

// batchLifecycle says what may follow the states of a batch; the others are terminal. A
// checked batch is staged again when its dry run is approved.
var batchLifecycle = map[BatchState][]BatchState{
	BatchStaged:  {BatchChecked, BatchCommitted, BatchQuarantined, BatchDropped},
	BatchChecked: {BatchStaged, BatchDropped},
}

// Terminal reports whether nothing happens to the batch any more.
func (s BatchState) Terminal() bool { return len(batchLifecycle[s]) == 0 }

// Before lists the states from which a batch may come to this one.
func (s BatchState) Before() []BatchState {
	return BatchStatesThat(func(from BatchState) bool { return slices.Contains(batchLifecycle[from], s) })
}

// MaxFailures is how often a batch may fail before it is quarantined.
const MaxFailures = 5

// Batch is a run of consecutive rows of one import, staged as one object: the unit of work.
type Batch struct {
	Import      ImportID   `json:"import_id" db:"import_id"`
	No          int64      `json:"no" db:"no"` // from 0
	State       BatchState `json:"state" db:"state"`
	Object      string     `json:"-" db:"object"` // key in object storage, unique per attempt to stage it
	Size        int64      `json:"object_bytes" db:"object_bytes"`
	SHA256      string     `json:"sha256" db:"sha256"` // hex, of the object
	FirstRow    int64      `json:"first_row" db:"first_row"`
	ByteFrom    int64      `json:"byte_from" db:"byte_from"` // batches tile the file's bytes: from, inclusive
	ByteTo      int64      `json:"byte_to" db:"byte_to"`     // to, exclusive
	Rows        Counts     `json:"rows"`
	Failures    int        `json:"failures" db:"failures"`
	Error       string     `json:"error,omitempty" db:"error"` // of the last failure
	Node        NodeID     `json:"node,omitempty" db:"node"`   // that committed it
	StagedAt    time.Time  `json:"staged_at" db:"staged_at"`
	CommittedAt *time.Time `json:"committed_at" db:"committed_at"`
	ReadMS      int64      `json:"read_ms" db:"read_ms"`         // fetch, verify, decode
	ValidateMS  int64      `json:"validate_ms" db:"validate_ms"` // coercion and rules
	CommitMS    int64      `json:"commit_ms" db:"commit_ms"`     // the transaction

	// Measured, none a remainder; nil where it did not happen or was not measured.
	PublishedAt *time.Time `json:"-" db:"published_at"` // its reference was given to the broker
	LeasedAt    *time.Time `json:"-" db:"leased_at"`    // the attempt that committed it began
	Attempts    int        `json:"-" db:"attempts"`     // leases up to that one
	QueueMS     *int64     `json:"-" db:"queue_ms"`     // published and ready, until leased; over all attempts
	PausedMS    *int64     `json:"-" db:"paused_ms"`    // its import was paused
	BackoffMS   *int64     `json:"-" db:"backoff_ms"`   // put off after failures
	FailedMS    *int64     `json:"-" db:"failed_ms"`    // attempts that did not commit it
}

// BatchRef stands for a staged batch on the batches topic, and in queues.
type BatchRef struct {
	Account  AccountID `json:"account"`
	Import   ImportID  `json:"import"`
	No       int64     `json:"no"`
	Priority Priority  `json:"priority"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`     // of the object
	StagedAt time.Time `json:"staged_at"` // when its wait began

	Waited time.Duration `json:"-"` // since its publication, as the ledger last said
}

// BatchID identifies a batch.
type BatchID struct {
	Import ImportID
	No     int64
}

// ID returns the batch's identity.
func (r BatchRef) ID() BatchID { return BatchID{r.Import, r.No} }

// String renders the identity for logs.
func (id BatchID) String() string { return fmt.Sprintf("%s/%d", id.Import, id.No) }

// Lease is a node's right to work on a batch until it expires.
type Lease struct {
	Ref     BatchRef      `json:"ref"`
	ID      uint64        `json:"id"`      // of this lease, unique at its dispatcher
	Node    NodeID        `json:"-"`       // that has it; beside the lease where processes exchange it
	Attempt int           `json:"attempt"` // from 1
	Term    time.Duration `json:"term"`    // in which it has to be extended, from when it was granted; clocks differ
	Waits   Waits         `json:"waits"`   // before it
}

// Waits is what a batch's time went into before an attempt, measured at its dispatcher. One
// that takes the batch over knows what the processor was told.
type Waits struct {
	Queued  time.Duration `json:"queued_ns"`  // published and ready
	Paused  time.Duration `json:"paused_ns"`  // its import was paused
	Backoff time.Duration `json:"backoff_ns"` // put off after failures
	Failed  time.Duration `json:"failed_ns"`  // in earlier attempts
}

// RowSet is a compact ascending set of row numbers.
type RowSet []int64

// MarshalBinary encodes the set as varint differences.
func (s RowSet) MarshalBinary() ([]byte, error) {
	var out []byte
	prev := int64(0)
	for _, n := range s {
		if n < prev {
			return nil, fmt.Errorf("row set is not ascending: %d after %d", n, prev)
		}
		out = binary.AppendUvarint(out, uint64(n-prev))
		prev = n
	}
	return out, nil
}

// UnmarshalBinary decodes what MarshalBinary wrote.
func (s *RowSet) UnmarshalBinary(b []byte) error {
	*s = (*s)[:0]
	prev := int64(0)
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("row set is damaged")
		}
		prev += int64(d)
		*s = append(*s, prev)
		b = b[n:]
	}
	return nil
}

// Contains reports whether the row is in the set.
func (s RowSet) Contains(row int64) bool {
	_, ok := slices.BinarySearch(s, row)
	return ok
}

// Records are a batch's valid rows, ready to commit: validated, within one batch
// free of repeated keys, sorted by key so that transactions never deadlock.
type Records struct {
	Columns []string  // dataset columns that the file feeds or that have a default, in spec order; key columns included
	RowNo   []int64   // row number in the file, from 1
	LineNo  []int64   // physical line on which the row starts, from 1
	Keys    []string  // the key columns' canonical text, joined by 0x1F; ascending bytewise, unique
	Values  [][]Value // Values[i][j] belongs to RowNo[i] and Columns[j]
}

// Len returns the number of rows.
func (r *Records) Len() int { return len(r.RowNo) }

// Reject is a row that broke a rule.
type Reject struct {
	Row     int64    // in the file, from 1, the header not counted
	Line    int64    // physical line on which the record starts, from 1
	Offset  int64    // byte offset of the record
	Code    Code     // of the first broken rule
	Column  string   // source column name; "" when the whole row is meant
	Message string   // one sentence, with what was found and expected
	Value   string   // the offending cell, at most 120 bytes
	Cells   []string // the original cells; nil when the reader could not split the record
	Raw     string   // the original text, when Cells is nil
}

// Outcome is what became of a leased batch.
type Outcome struct {
	Result  Result        `json:"result"`
	Service time.Duration `json:"service_ns"` // slot time used, the fairness charge
}

// Result says whether the dispatcher has to see a batch again.
type Result string

// The results of a lease.
const (
	ResultFinished Result = "finished" // terminal, by this node or another
	ResultPaused   Result = "held"     // its import is paused
	ResultRetry    Result = "retry"    // a failure that may pass; come again after a back-off
)
