package bulk

import (
	"io"
	"time"
)

// Upload is an upload's durable position: what the server acknowledged and how
// the reader stood at the last batch boundary.
//
// Bytes [0, Offset) of the file are durable. Of these, [0, Boundary.Offset) are
// staged in batches and the rest is the tail, so a reader that resumes starts at the
// boundary with the tail followed by what the client sends from Offset on.
//
// A file that is compressed or not UTF-8 cannot be entered in its middle. Its
// bytes are first kept as part objects and read from there once the upload is
// complete (Spooled); Boundary then counts decoded bytes.
type Upload struct {
	Import   Import
	Spec     Spec    // as it was when the import was created
	Epoch    int64   // of the writer that may advance it; a later writer takes the next one
	Offset   int64   // bytes acknowledged
	Length   int64   // of the file; -1 when not known yet
	Tail     []int64 // where the pieces of the tail begin, in order; each ends where the next begins, the last at Offset
	Digest   []byte  // states of the running digests over [0, Offset), that of SHA-256 first
	Boundary Boundary
	Spooled  bool
	Parts    []Part // of one that is being decoded, in order, tiling [0, Offset)
	Checks   int    // how often a decoder began to read it through before its first batch
	Expires  time.Time
	Metadata string // tus's Upload-Metadata, as the client wrote it
}

// Undecoded is a spooled upload that is complete and waits for a decoder, or has one.
type Undecoded struct {
	Account   AccountID     `db:"account_id"`
	Import    ImportID      `db:"import_id"`
	RequestID string        `db:"request_id"` // of the request that created the import; "" for none
	Epoch     int64         `db:"epoch"`
	Length    int64         `db:"length"`
	Worked    int64         `db:"worked_at"` // changes whenever somebody works on it
	Idle      time.Duration // since then, by the store's clock
}

// Boundary is the reader's position after the last staged batch.
type Boundary struct {
	Offset  int64 `json:"offset"`   // byte after the last record
	Line    int64 `json:"line"`     // physical line there, from 1
	Row     int64 `json:"row"`      // data rows before it
	Blank   int64 `json:"blank"`    // blank lines skipped before it
	BatchNo int64 `json:"batch_no"` // of the next batch
}

// Part is one stored piece of a spooled upload.
type Part struct {
	Object string `json:"object"`
	From   int64  `json:"from"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Progress is one durable step of an upload, applied only if the upload still has
// the Epoch and From that the writer saw.
type Progress struct {
	Account AccountID
	Import  ImportID
	Epoch   int64
	From    int64 // the Offset that the writer built upon

	Offset   int64    // bytes acknowledged from now on, ≥ From
	Length   int64    // -1: still not known
	Tail     []byte   // the bytes before Offset that are not staged; with Append, those behind the pieces that stay
	Append   bool     // the pieces of the tail that begin before Tail stay
	Digest   []byte   // as of [0, Offset), see [Upload]
	Boundary Boundary // after Batch, or as before
	Layout   *Layout  // set once, when the header was read
	Batch    *Batch   // staged with this step; nil for none
	Part     *Part    // stored with this step; nil for none
	Check    bool     // a decoder begins to read the file through
	Seal     *Seal    // the upload is complete with this step; nil for not yet
}

// Seal ends an upload.
type Seal struct {
	SHA256 string // hex, of the whole file
}

// Body is bytes of a file as they come.
type Body struct {
	io.Reader
	Offset int64 // in the file, of the first byte
	Length int64 // of the file; -1: not known
}

// Sample is what a preview is made of.
type Sample struct {
	Bytes  []byte        `json:"sample"` // the file's first
	Whole  bool          `json:"whole"`  // they are all of it
	Choice DialectChoice `json:"choice"`
	Spec   *Spec         `json:"spec"` // nil when there is no dataset yet
}
