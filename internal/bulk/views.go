package bulk

import "time"

// Dataset is a spec as stored.
type Dataset struct {
	Spec
	Version   int64     `json:"version"` // grows with every change of the spec
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// PageBytes bounds a page of a list: it ends after the item with which it reaches so many
// bytes, however many were asked for. So it has at least one, and is never much larger.
const PageBytes = 4 << 20

// RecordQuery asks for a page of live records.
type RecordQuery struct {
	Dataset DatasetName
	Cursor  string // Next of the page before; "" for the first
	Limit   int    // 1 to 10,000
	Bytes   int    // the page ends after the record with which it reaches so many; default: PageBytes
}

// RecordPage is a page of live records.
type RecordPage struct {
	Columns []string // of Rows, in spec order
	Records []Record
	Next    string // cursor of the next page; "" at the end
}

// Window is a part of a list: at most Limit items after the one at After, or after so many.
type Window struct {
	After int64
	Limit int
}

// RecordRange are an account's live records between two keys, each given by its values in
// the order of the spec's key.
type RecordRange struct {
	Account AccountID
	Spec    Spec
	After   []Value // nil: from the first
	UpTo    []Value // inclusive; nil: to the last
	Limit   int     // at most so many
}

// Record is one live record with where it came from.
type Record struct {
	Values []Value  // belongs to RecordPage.Columns; text of the canonical form for decimal, date and timestamp
	Import ImportID // that wrote it last
	OpSeq  int64    // of that import
	Row    int64    // its row number in that import's file
}

// Bytes is about what the record takes in memory.
func (r Record) Bytes() int {
	n := 16 * len(r.Values)
	for _, v := range r.Values {
		if text, ok := v.(string); ok {
			n += len(text)
		}
	}
	return n
}

// Event is a milestone of an import: a change of state, the header read, the upload sealed.
type Event struct {
	Seq  int64     `json:"seq" db:"seq"` // within the import, from 1
	At   time.Time `json:"at" db:"at"`
	Kind string    `json:"kind" db:"kind"` // e.g. state, layout, sealed, batch_quarantined
	Text string    `json:"text" db:"text"` // one sentence for people
}

// Preview is a file's beginning as an import would take it.
type Preview struct {
	Dialect   Dialect         `json:"dialect"`
	Header    []string        `json:"header"`
	Columns   []PreviewColumn `json:"columns"`
	Rows      [][]string      `json:"rows"`             // at most 20, original cells
	Rejects   []PreviewReject `json:"rejects"`          // records among the sample that the reader rejects
	Problem   *Error          `json:"problem"`          // why the file would be refused, or null
	Truncated bool            `json:"truncated"`        // the sample is not the whole file
	Unmapped  []string        `json:"unmapped"`         // dataset columns that nothing feeds
	Missing   []string        `json:"missing_required"` // those of them that are required and have no default
}

// PreviewColumn is a guess about one source column.
type PreviewColumn struct {
	Name       string  `json:"name"`
	Type       Type    `json:"type"`       // inferred from the sample
	Field      string  `json:"field"`      // suggested dataset column, "" for none
	Confidence float64 `json:"confidence"` // of Field, 0 to 1
	Example    string  `json:"example"`
}

// PreviewReject is a record that the reader cannot take.
type PreviewReject struct {
	Line    int64  `json:"line"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
}
