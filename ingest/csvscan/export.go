package csvscan

import (
	"bufio"
	"cmp"
	"io"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// RejectWriter writes a rejects.csv: UTF-8 in the dialect of the original file, lines
// ended by LF. It buffers; Flush must be called at the end.
type RejectWriter struct {
	w      *bufio.Writer
	header []string // nil once written
	raw    bool
	split  splitter
	cells  [][]byte
	line   []byte
}

// NewRejectWriter returns a writer of the rejects of a file of that layout. Unless raw
// is set, cells are escaped for spreadsheets.
func NewRejectWriter(w io.Writer, layout bulk.Layout, raw bool) *RejectWriter {
	return &RejectWriter{
		w:      bufio.NewWriterSize(w, 64<<10),
		header: append([]string{}, layout.Header...),
		raw:    raw,
		split:  newSplitter(layout.Dialect, bulk.MaxColumns),
	}
}

// Write adds one reject: its cells, or its text where it has none.
func (e *RejectWriter) Write(r bulk.Reject) error {
	e.begin()
	r.Column, r.Message = printable(r.Column), printable(cmp.Or(r.Message, r.Code.Sentence(), string(r.Code)))
	if !e.original(r) {
		r.Column, r.Message = e.plain(r.Column), e.plain(r.Message)
	}
	e.add(r)
	_, err := e.w.Write(e.line)
	return err
}

// Flush writes what is buffered, at least the header.
func (e *RejectWriter) Flush() error {
	e.begin()
	return e.w.Flush()
}

// begin writes the header once. Where the quote is not the usual one, the last columns
// are quoted, so that whoever reads the file can tell.
func (e *RejectWriter) begin() {
	if e.header == nil {
		return
	}
	e.setCells(e.header)
	e.line = e.split.appendRecord(e.line[:0], e.cells)
	e.header = nil
	for _, name := range bulk.RejectColumns {
		e.line = append(e.line, e.split.delim)
		e.line = e.split.appendCell(e.line, []byte(name), e.split.quote != '"')
	}
	e.end()
	e.w.Write(e.line) // a failure comes again with the next call
}

// original puts what the record was into line. It reports false when that is text
// which cannot be split.
func (e *RejectWriter) original(r bulk.Reject) bool {
	if r.Cells != nil {
		e.setCells(r.Cells)
		e.line = e.split.appendRecord(e.line[:0], e.cells)
		return true
	}
	text := []byte(r.Raw)
	e.split.forget()
	switch one := e.split.next(text, 0, true); {
	case !one || e.split.stop != len(text):
		// Not a record of this dialect: as a cell it does no harm.
		return e.original(bulk.Reject{Cells: []string{r.Raw}})
	case e.split.bad >= 0 || e.split.n > len(e.split.cells):
		e.line = e.line[:0]
		if e.raw {
			e.line = append(e.line, text...)
		} else {
			e.line = e.split.appendEscaped(e.line, text)
		}
		return false
	}
	cells := make([]string, e.split.n)
	for i := range cells {
		cells[i] = string(e.split.cells[i])
	}
	return e.original(bulk.Reject{Cells: cells})
}

func (e *RejectWriter) setCells(cells []string) {
	e.cells = e.cells[:0]
	for _, cell := range cells {
		if !e.raw {
			cell = EscapeFormula(cell)
		}
		e.cells = append(e.cells, []byte(cell))
	}
}

// add appends the cells of [bulk.RejectColumns] to the line and ends it.
func (e *RejectWriter) add(r bulk.Reject) {
	for _, cell := range []string{strconv.FormatInt(r.Line, 10), strconv.FormatInt(r.Row, 10), string(r.Code), r.Column, r.Message} {
		if !e.raw {
			cell = EscapeFormula(cell)
		}
		e.line = append(e.line, e.split.delim)
		e.line = e.split.appendCell(e.line, []byte(cell), false)
	}
	e.end()
}

func (e *RejectWriter) end() {
	if e.raw {
		e.line = append(e.line, e.split.delim)
		e.line = append(e.line, bulk.RawColumn...)
	}
	e.line = append(e.line, '\n')
}

// plain replaces what would need quotes: behind a misplaced quote they have no meaning.
func (e *RejectWriter) plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 128 && (e.split.special(byte(r)) || byte(r) == e.split.escape) {
			return ' '
		}
		return r
	}, s)
}

// printable makes sure that a reason does not get its row rejected again.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Normalize writes what s reads as RFC 4180 UTF-8 with LF line endings: comma, double
// quotes where needed. It hands each rejected record to rejects, whose error ends it,
// and returns the first error of the scanner, of rejects or of w; nil at the end.
func Normalize(w io.Writer, rejects func(*Record) error, s *Scanner) error {
	out := bufio.NewWriterSize(w, 64<<10)
	standard := newSplitter(bulk.Dialect{}, 0)
	var line []byte
	for {
		r, err := s.Next()
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			out.Flush() // err is the one to report
			return err
		}
		if r.Code != "" {
			if err := rejects(r); err != nil {
				return err
			}
			continue
		}
		line = append(standard.appendRecord(line[:0], r.Cells), '\n')
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
}
