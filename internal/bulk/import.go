package bulk

import "time"

// Mode says what becomes of a row whose key exists already.
type Mode string

// The modes.
const (
	ModeCreate Mode = "create" // an existing record of another import stays, the row is rejected as duplicate_key
	ModeUpsert Mode = "upsert" // the existing record takes the row's mapped columns
)

// Priority orders the imports inside one account; it never moves an account before another.
type Priority string

// The priority classes, served 8:3:1.
const (
	PriorityHigh   Priority = "high"
	PriorityNormal Priority = "normal"
	PriorityLow    Priority = "low"
)

// Counts are rows by outcome. For an import
//
//	Read = Created + Updated + Superseded + Rejected + OverQuota + Unprocessed
//
// once it is terminal; each is counted where it happens, none by subtraction.
type Counts struct {
	Read        int64 `json:"read" db:"rows_read"`             // data records staged, those that the reader rejected included
	Created     int64 `json:"created" db:"rows_created"`       // a new key
	Updated     int64 `json:"updated" db:"rows_updated"`       // a key of an earlier import (mode upsert)
	Superseded  int64 `json:"superseded" db:"rows_superseded"` // a later row with the same key won
	Rejected    int64 `json:"rejected" db:"rows_rejected"`     // broke a rule, duplicate_key included
	OverQuota   int64 `json:"over_quota" db:"rows_over_quota"` // a new key for which the quota had no room
	Unprocessed int64 `json:"unprocessed" db:"rows_unprocessed"`
}

// Sum adds up the outcomes; it equals Read for a terminal import.
func (c Counts) Sum() int64 {
	return c.Settled() + c.Unprocessed
}

// Landed counts the rows that are in the store: a superseded one is not, for another row won.
func (c Counts) Landed() int64 { return c.Created + c.Updated }

// Settled counts the rows whose outcome stands because they were worked on.
func (c Counts) Settled() int64 {
	return c.Landed() + c.Superseded + c.Rejected + c.OverQuota
}

// ByteCounts are the file's bytes as uploaded.
type ByteCounts struct {
	Total    int64 `json:"total" db:"bytes_total"` // 0 until known
	Received int64 `json:"received" db:"bytes_received"`
}

// BatchCounts are an import's batches by state. Staged counts those that wait or
// are being worked on.
type BatchCounts struct {
	Staged      int64 `json:"staged" db:"batches_staged"`
	Committed   int64 `json:"committed" db:"batches_committed"`
	Quarantined int64 `json:"quarantined" db:"batches_quarantined"`
	Total       int64 `json:"total" db:"batches_total"`
}

// Import is one file on its way into one dataset, as the API shows it.
type Import struct {
	ID         ImportID    `json:"id"`
	AccountID  AccountID   `json:"account_id"`
	Dataset    DatasetName `json:"dataset"`
	State      State       `json:"state"`
	Mode       Mode        `json:"mode"`
	Filename   string      `json:"filename"`
	Priority   Priority    `json:"priority"`
	Bytes      ByteCounts  `json:"bytes"`
	Rows       Counts      `json:"rows"`
	Batches    BatchCounts `json:"batches"`
	Mirrored   bool        `json:"mirrored"`
	CreatedAt  time.Time   `json:"created_at"`
	StartedAt  *time.Time  `json:"started_at"`  // first byte
	FinishedAt *time.Time  `json:"finished_at"` // terminal
	SHA256     *string     `json:"sha256"`      // hex, of the file as uploaded; null until sealed
	Error      *Error      `json:"error"`       // why it failed
	Options    Options     `json:"options"`
	Layout     *Layout     `json:"layout"` // null until the header is read
	BlankLines int64       `json:"blank_lines"`
	Sealed     bool        `json:"sealed"`  // the upload is complete
	OpSeq      int64       `json:"op_seq"`  // place in the order of the dataset's imports, which is that of their creation; a dry run takes another when it is approved
	Version    int64       `json:"version"` // grows with every change; the id of its events

	RequestID  string `json:"-"` // of the request that created it; "" for none
	Approved   bool   `json:"-"` // a dry run that was approved
	PausedMS   int64  `json:"-"` // in state paused, over all pauses that ended
	ApprovalMS *int64 `json:"-"` // from the end of a dry run's check to its approval; nil: not approved
}

// Facts are what of the import decides where it goes from its state.
func (i *Import) Facts() Facts {
	return Facts{
		Sealed: i.Sealed, DryRun: i.Options.DryRun, Approved: i.Approved, OnError: i.Options.OnError, Rows: i.Rows, Batches: i.Batches, Received: i.Bytes.Received,
	}
}

// Can reports whether the trigger would change the import's state now.
func (i *Import) Can(t Trigger) bool {
	next, err := i.State.Next(t, i.Facts())
	return err == nil && next != i.State
}

// Options are what the person who starts an import may choose.
type Options struct {
	OnError OnError           `json:"on_error,omitempty"` // zero: skip
	DryRun  bool              `json:"dry_run,omitempty"`  // check everything, then wait for approval
	Mapping map[string]string `json:"mapping,omitempty"`  // header name → column; others match by name and alias
	Dialect DialectChoice     `json:"dialect,omitzero"`   // what is set here is not sniffed
	SHA256  string            `json:"sha256,omitempty"`   // hex, of the file; a different one is refused
	Digests map[string]string `json:"digests,omitempty"`  // others of the file, in hex, by RFC 9530's name of the algorithm
}

// DialectChoice overrides what the sniffer would find; zero fields are sniffed.
type DialectChoice struct {
	Delimiter string `json:"delimiter,omitempty"` // one ASCII character
	Quote     string `json:"quote,omitempty"`     // one ASCII character
	Escape    string `json:"escape,omitempty"`    // one ASCII character; default: the quote, doubled
	Encoding  string `json:"encoding,omitempty"`  // utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1, shift_jis
	NoHeader  bool   `json:"no_header,omitempty"` // columns are then named column_1, column_2, …
}

// Dialect is how the bytes of a file are read.
type Dialect struct {
	Delimiter   Char   `json:"delimiter"`
	Quote       Char   `json:"quote"`
	Escape      Char   `json:"escape"`      // equal to Quote: a quote is doubled
	Encoding    string `json:"encoding"`    // see [DialectChoice]
	Compression string `json:"compression"` // "", gzip, zstd
	BOM         bool   `json:"bom"`
	NoHeader    bool   `json:"no_header"`
	SepLine     bool   `json:"sep_line"` // a first line "sep=;" that is not data
	Rejects     bool   `json:"rejects"`  // a rejects.csv of ours: RejectColumns are dropped, escapes undone
}

// Char is an ASCII character, a one-character string in JSON; 0 is an empty one.
type Char byte

// MarshalText renders the character.
func (c Char) MarshalText() ([]byte, error) {
	if c == 0 {
		return nil, nil
	}
	return []byte{byte(c)}, nil
}

// UnmarshalText takes at most one byte.
func (c *Char) UnmarshalText(b []byte) error {
	switch len(b) {
	case 0:
		*c = 0
	case 1:
		*c = Char(b[0])
	default:
		return Errorf(KindInvalid, "bad_dialect", "%q is not a single ASCII character.", b)
	}
	return nil
}

// Layout is a file's shape as the importer took it, fixed when its header is read.
type Layout struct {
	Dialect Dialect  `json:"dialect"`
	Header  []string `json:"header"` // source column names, RejectColumns left out
	Fields  []string `json:"fields"` // per source column the dataset column it feeds, "" for none
}

// RejectColumns follow the original columns in an exported rejects.csv.
var RejectColumns = []string{"_line", "_row", "_code", "_column", "_message"}

// RawColumn follows RejectColumns in an export whose cells were not escaped.
const RawColumn = "_raw"

// NewImport is what is needed to create an import.
type NewImport struct {
	Account        AccountID
	Dataset        DatasetName
	Mode           Mode     // zero: create
	Priority       Priority // zero: normal
	Filename       string
	Size           int64 // bytes; -1: not known yet
	Options        Options
	Metadata       string // tus's Upload-Metadata, as the client wrote it
	RequestID      string `json:"-"` // of the request that creates it; "" for none
	IdempotencyKey string // "" for none
	RequestHash    string // of the request, compared when the key is repeated
}

// FinishedImport is how long an import took.
type FinishedImport struct {
	Rows     int64     `db:"rows_read"`
	Started  time.Time `db:"started_at"` // when its first byte came
	Finished time.Time `db:"finished_at"`
}

// Receipt is the final account of a terminal import, for people and for audits.
type Receipt struct {
	Import       Import        `json:"import"`
	Balanced     bool          `json:"balanced"` // Rows.Read equals the sum of the outcomes
	RejectGroups []RejectGroup `json:"errors"`   // at most MaxRejectGroups, the most frequent
	Usage        Usage         `json:"usage"`
	Seconds      float64       `json:"seconds"`         // first byte to end
	Working      float64       `json:"working_seconds"` // of these, in which at least one of its batches was worked on
	RowsPerS     float64       `json:"rows_per_second"` // settled rows over Working
}

// RejectGroup groups an import's rejects by cause.
type RejectGroup struct {
	Column   string    `json:"column"` // "" when the whole row is meant
	Code     Code      `json:"code"`
	Count    int64     `json:"count"`
	Sentence string    `json:"message"`
	Examples []Example `json:"examples"` // at most MaxExamples
}

// Example is one offending cell.
type Example struct {
	Line  int64  `json:"line"`
	Row   int64  `json:"row"`
	Value string `json:"value"` // at most 120 bytes
}

// MaxRejectGroups bounds the groups of a receipt and of a page of them.
const MaxRejectGroups = 1000

// MaxExamples bounds the examples of a cluster.
const MaxExamples = 5

// Usage is an account's records against its quota.
type Usage struct {
	Records   int64          `json:"records"`
	Quota     int64          `json:"quota"`
	ByDataset []DatasetUsage `json:"by_dataset"`
}

// DatasetUsage is an account's live records in one dataset.
type DatasetUsage struct {
	Dataset DatasetName `json:"dataset" db:"dataset"`
	Records int64       `json:"records" db:"records"`
}

// Limits are the bounds on input. EventStreams is a setting of a process, the others are
// the same everywhere, see [DefaultLimits]; tests have smaller ones.
type Limits struct {
	FileBytes        int64   `json:"file_bytes"`
	RecordBytes      int     `json:"record_bytes"`
	FieldBytes       int     `json:"field_bytes"`
	Columns          int     `json:"columns"`
	HeaderBytes      int     `json:"header_bytes"`
	ExpansionRatio   int     `json:"decompressed_ratio"` // after the first MiB
	OpenUploads      int     `json:"open_uploads"`       // an account
	EventStreams     int     `json:"event_streams"`      // an account, at one process
	IdleSeconds      int     `json:"idle_seconds"`       // without a byte
	PreviewBytes     int     `json:"preview_bytes"`
	SpecColumns      int     `json:"dataset_columns"`
	KeyBytes         int     `json:"key_bytes"`          // of a record; this and the next are what the store holds
	RowBytes         int     `json:"row_bytes"`          // as [Width] counts them
	UploadExpiryDays float64 `json:"upload_expiry_days"` // an upload that nobody continued fails then
}

// Idle is how long a client may go without moving a byte.
func (l Limits) Idle() time.Duration { return time.Duration(l.IdleSeconds) * time.Second }

// UploadLife is how long an upload that nobody continues is kept.
func (l Limits) UploadLife() time.Duration {
	return time.Duration(l.UploadExpiryDays * 24 * float64(time.Hour))
}

// DefaultLimits are generous for people and tight for accidents.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 100 << 30, RecordBytes: 1 << 20, FieldBytes: 256 << 10, Columns: MaxColumns, HeaderBytes: 64 << 10,
		ExpansionRatio: 200, OpenUploads: 20, EventStreams: 200, IdleSeconds: 30, PreviewBytes: 64 << 10, SpecColumns: MaxColumns, KeyBytes: MaxKeyBytes, RowBytes: MaxRowBytes, UploadExpiryDays: 7,
	}
}
