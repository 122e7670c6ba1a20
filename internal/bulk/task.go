package bulk

import "time"

// BatchTask is a staged batch with what it takes to process it.
type BatchTask struct {
	Account AccountID
	Import  Import
	Batch   Batch
	Spec    Spec  // as it was when the import was created
	OpSeq   int64 // of the import within its dataset: the greater one wins a key
	DryRun  bool  // check only, commit nothing

	LeasedAt time.Time // when this was read, by the ledger's clock
}

// ID names the batch.
func (t BatchTask) ID() BatchID { return BatchID{t.Import.ID, t.Batch.No} }

// ValidatedBatch is a validated batch.
type ValidatedBatch struct {
	Task         BatchTask
	Lease        Lease // of the node that validated it
	Records      Records
	Superseded   int64         // rows displaced by a later one with the same key in this batch
	Rejected     int64         // rows that the reader or validation rejected
	RejectGroups []RejectGroup // of Rejected, by cause
	Read         time.Duration
	Validate     time.Duration
}

// Controls is what people may change while batches wait.
type Controls struct {
	Weights map[AccountID]int
	Caps    map[AccountID]int // most batches in flight, 0: paused; accounts without a bound are not in it
	Paused  map[ImportID]bool // paused imports; their batches are kept back
	Ended   map[ImportID]bool // terminal or cancelling imports; their references are dropped
}

// ImportFilter narrows a list of imports, newest first.
type ImportFilter struct {
	State   State
	Dataset DatasetName
	Search  string // part of the file name
	Cursor  string
	Limit   int // 1 to 200; 0: 50
}
