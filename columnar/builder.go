package columnar

import (
	"fmt"

	"bulkhead/internal/bulk"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// Builder accumulates the records of one batch. After Finish it is empty and takes
// the next one. It is not safe for concurrent use, but what Finish returned may be
// used in another goroutine meanwhile.
type Builder struct {
	schema  *arrow.Schema
	rows    []int64
	lines   []int64
	offsets []int64
	code    text
	detail  text
	raw     text
	cells   []text
	rejects []int // indices of rejected records, ascending
	bytes   int
}

// rowOverhead is what a record costs besides its text, and cellOverhead what a cell
// costs: their integers and text offsets.
const (
	rowOverhead  = 3*8 + 3*4
	cellOverhead = 4
)

// NewBuilder returns a builder for a file with the given header: any names, at most
// [bulk.MaxColumns] of them.
func NewBuilder(header []string) *Builder {
	b := &Builder{schema: newSchema(header), cells: make([]text, len(header))}
	b.reset()
	return b
}

// Append adds a record that the reader could split. row counts the file's data
// records from 1; line and offset say where it starts. The cells are copied. It
// panics when there are not as many as the header has, which is the reader's to reject.
func (b *Builder) Append(row, line, offset int64, cells [][]byte) {
	if len(cells) != len(b.cells) {
		panic(fmt.Sprintf("columnar: %d cells under a header of %d", len(cells), len(b.cells)))
	}
	for i, cell := range cells {
		appendText(&b.cells[i], cell)
		b.bytes += len(cell)
	}
	b.place(row, line, offset)
	appendText(&b.code, "")
	appendText(&b.detail, "")
	appendText(&b.raw, "")
}

// Reject is a record that the reader rejected. It has no cells.
type Reject struct {
	Row, Line, Offset int64     // its place, as of [Builder.Append]
	Code              bulk.Code // required
	Detail            string    // one sentence on what the reader found
	Raw               []byte    // its text as it stands in the file
}

// AppendReject adds a record that the reader rejected. Its text is copied.
func (b *Builder) AppendReject(r Reject) {
	b.rejects = append(b.rejects, len(b.rows))
	b.place(r.Row, r.Line, r.Offset)
	appendText(&b.code, r.Code)
	appendText(&b.detail, r.Detail)
	appendText(&b.raw, r.Raw)
	b.bytes += len(r.Code) + len(r.Detail) + len(r.Raw)
	for i := range b.cells {
		appendText(&b.cells[i], "")
	}
}

func (b *Builder) place(row, line, offset int64) {
	b.rows = append(b.rows, row)
	b.lines = append(b.lines, line)
	b.offsets = append(b.offsets, offset)
	b.bytes += rowOverhead + cellOverhead*len(b.cells)
}

// Rows returns the number of records since the last Finish.
func (b *Builder) Rows() int { return len(b.rows) }

// Bytes returns about how much memory these records take. Callers close a batch at
// a bound on it, of at most some tens of MiB; one column cannot hold 2 GiB.
func (b *Builder) Bytes() int { return b.bytes }

// Finish hands the records over for [Encode]; the caller releases them. A batch
// without any is allowed.
func (b *Builder) Finish() arrow.Record {
	good, bad := validity(len(b.rows), b.rejects)
	cols := []arrow.Array{
		colRow:    newInt64(b.rows),
		colLine:   newInt64(b.lines),
		colOffset: newInt64(b.offsets),
		colCode:   b.code.array(bad, len(b.rows)-len(b.rejects)),
		colDetail: b.detail.array(bad, len(b.rows)-len(b.rejects)),
		colRaw:    b.raw.array(bad, len(b.rows)-len(b.rejects)),
	}
	for i := range b.cells {
		cols = append(cols, b.cells[i].array(good, len(b.rejects)))
	}
	rec := array.NewRecord(b.schema, cols, int64(len(b.rows)))
	for _, c := range cols {
		c.Release()
	}
	b.reset()
	return rec
}

// reset makes fresh buffers, since the finished record owns the old ones. They are
// sized by the batch before, as batches of one file resemble each other.
func (b *Builder) reset() {
	b.rows = make([]int64, 0, cap(b.rows))
	b.lines = make([]int64, 0, cap(b.lines))
	b.offsets = make([]int64, 0, cap(b.offsets))
	for _, t := range []*text{&b.code, &b.detail, &b.raw} {
		t.reset()
	}
	for i := range b.cells {
		b.cells[i].reset()
	}
	b.rejects, b.bytes = b.rejects[:0], 0
}
