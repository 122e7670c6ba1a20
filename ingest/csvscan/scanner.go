package csvscan

import (
	"bytes"
	"cmp"
	"errors"
	"io"

	"bulkhead/internal/bulk"
)

// ErrMore says that the reader ended but the file did not, see [Config.Partial].
// What is left to persist is [Scanner.Tail].
var ErrMore = errors.New("the end of the reader is not the end of the file")

// Config says how a [Scanner] reads.
type Config struct {
	// Dialect gives delimiter, quote and escape (zero: comma, double quote, the quote
	// doubled), SepLine and Rejects. Its encoding and compression play no part: the
	// reader is UTF-8 text already.
	Dialect bulk.Dialect
	// Columns is how many cells every record must have; 0: the first good record
	// decides. The extra cells of a rejects.csv are not counted.
	Columns int
	// MaxRecord, MaxField and MaxColumns bound a record and a cell in bytes, and the
	// cells of a record; zero: those of bulk.DefaultLimits. In a rejects.csv a record
	// may have twice MaxRecord and 64 KiB, since an export is longer than its origin.
	MaxRecord, MaxField, MaxColumns int
	// Offset and Line say where in the file the reader starts: 0 and 0, or what
	// Offset and Line of an earlier scanner returned.
	Offset, Line int64
	// Partial says that the file may go on after the reader's end: Next then returns
	// ErrMore there, and holds back a record that could still change.
	Partial bool
}

// Record is one record. It and all it points to are valid until the next call of Next.
type Record struct {
	Line   int64     // physical line on which it starts, from 1
	Offset int64     // byte at which it starts
	End    int64     // byte after its line ending
	Cells  [][]byte  // unquoted; nil when the record could not be split
	Raw    []byte    // its bytes without the line ending; in a rejects.csv, those of the original record
	Code   bulk.Code // "" or why the record is rejected
	Detail string    // what was found and expected, for a rejected one
}

// Scanner reads records from UTF-8 text. It is not safe for concurrent use.
type Scanner struct {
	r       io.Reader
	limit   int // of a record, in bytes
	field   int // of a cell, in bytes
	columns int
	partial bool
	rejects bool
	sepLine bool // the first line is no data
	bare    bool // there is no header
	atStart bool // that line and a byte order mark may come

	buf  []byte // buf[pos:end] is read but not yet consumed
	pos  int
	end  int
	base int64 // offset of buf[0] in the file
	line int64 // physical line at pos
	err  error // of the reader: no more bytes will come
	fail error // of Next, for good

	blank int64
	split splitter
	rec   Record
}

// bufferSize is what a scanner begins with; it grows only for larger records.
const bufferSize = 128 << 10

// New returns a scanner of the text. It reads nothing yet.
func New(r io.Reader, c Config) *Scanner {
	limits := bulk.DefaultLimits()
	s := &Scanner{
		r:       r,
		limit:   cmp.Or(c.MaxRecord, limits.RecordBytes),
		field:   cmp.Or(c.MaxField, limits.FieldBytes),
		columns: c.Columns,
		partial: c.Partial,
		rejects: c.Dialect.Rejects,
		sepLine: c.Dialect.SepLine,
		bare:    c.Dialect.NoHeader,
		atStart: c.Offset == 0,
		base:    c.Offset,
		line:    max(c.Line, 1),
	}
	columns := cmp.Or(c.MaxColumns, limits.Columns)
	if s.rejects {
		s.limit = 2*s.limit + 64<<10
		columns += len(bulk.RejectColumns) + 1
	}
	s.split = newSplitter(c.Dialect, columns)
	return s
}

// Next returns the next record. At the end of the file it returns io.EOF, at the end
// of a part of it ErrMore. A *bulk.Error ends the file; any other error is the
// reader's own. After an error every call returns the same.
func (s *Scanner) Next() (*Record, error) {
	for s.fail == nil {
		if s.begin() && s.skipBlank() && s.next() {
			if s.split.stop-s.pos > s.limit {
				s.fail = s.oversize()
				break
			}
			return s.record(), nil
		}
		s.fail = s.more()
	}
	return nil, s.fail
}

// Offset returns the position up to which everything is consumed: the end of the
// last record returned, or of blank lines after it once Next returned an error.
func (s *Scanner) Offset() int64 { return s.base + int64(s.pos) }

// Line returns the physical line at Offset, from 1.
func (s *Scanner) Line() int64 { return s.line }

// Blank returns how many blank lines this scanner skipped before Offset.
func (s *Scanner) Blank() int64 { return s.blank }

// Tail returns the bytes that were read but not consumed: those from Offset on. It is
// valid until the next call of Next.
func (s *Scanner) Tail() []byte { return s.buf[s.pos:s.end] }

// Columns returns how many cells a record must have, 0 when that is not known yet.
func (s *Scanner) Columns() int { return s.columns }

// SetColumns says how many cells the records from here on must have; 0: the next
// good record decides.
func (s *Scanner) SetColumns(n int) { s.columns = n }

// EndOfFile says that the reader's end is the file's after all: Next yields what it
// held back.
func (s *Scanner) EndOfFile() {
	s.partial = false
	if s.fail == ErrMore {
		s.fail = nil
		s.split.forget()
	}
}

// final reports whether no byte follows those in the buffer.
func (s *Scanner) final() bool { return s.err == io.EOF && !s.partial }

var byteOrderMark = []byte("\xEF\xBB\xBF")

// begin drops a byte order mark and a sep= line, both or none: a scanner that goes on
// behind only one of them would not know of the other. It reports false while the bytes
// are too few to tell.
func (s *Scanner) begin() bool {
	if !s.atStart {
		return true
	}
	head, at := s.Tail(), s.pos
	switch {
	case bytes.HasPrefix(head, byteOrderMark):
		at += len(byteOrderMark)
	case bytes.HasPrefix(byteOrderMark, head) && !s.final():
		return false
	}
	if s.sepLine {
		n := sepLine(s.buf[at:s.end], s.final())
		switch {
		case n < 0:
			return false
		case n > 0:
			s.line++
			at += n
		}
	}
	if s.bare && s.columns == 0 && !s.width(at) {
		return false
	}
	s.pos, s.atStart = at, false
	return true
}

// width finds out whether blank lines from at on, where a file without a header begins,
// are values: they are where the first record that is not blank has one cell. It
// reports false while the bytes are too few to tell; beyond the limit of a record they
// are taken for no values.
func (s *Scanner) width(at int) bool {
	from := at
	for at >= 0 && at < s.end && (s.buf[at] == '\n' || s.buf[at] == '\r') {
		at = endOfLine(s.buf[:s.end], at, s.final())
	}
	known := at >= 0 && at < s.end && s.split.next(s.buf[:s.end], at, s.final())
	if !known && !s.final() && s.end-s.pos <= s.limit {
		return false
	}
	if known && at > from && s.split.stop-s.pos <= s.limit && s.split.bad < 0 && s.split.n == 1 {
		s.columns = 1
	}
	s.split.forget() // the splitter is asked for an earlier place next
	return true
}

// skipBlank moves past blank lines, unless they are values. It reports whether a
// record begins at pos.
func (s *Scanner) skipBlank() bool {
	for s.pos < s.end && (s.buf[s.pos] == '\n' || s.buf[s.pos] == '\r') && (s.columns != 1 || s.rejects) {
		after := endOfLine(s.buf[:s.end], s.pos, s.final())
		if after < 0 {
			return false
		}
		s.pos = after
		s.line++
		s.blank++
	}
	return s.pos < s.end
}

// next splits the record at pos. It reports false when the bytes end before it does.
func (s *Scanner) next() bool { return s.split.next(s.buf[:s.end], s.pos, s.final()) }

// consume moves past the record that was split.
func (s *Scanner) consume() {
	s.pos = s.split.after
	s.line += s.split.lines + 1
}

// more makes room and reads until the unconsumed bytes have doubled, so that finding
// a record's end costs linear time however small the reads are.
func (s *Scanner) more() error {
	have := s.end - s.pos
	switch {
	case have > s.limit+1:
		return s.oversize()
	case s.err != nil:
		return s.ended(have)
	}
	size := min(max(bufferSize, 2*have), s.limit+bufferSize)
	if size > len(s.buf) {
		grown := make([]byte, size)
		copy(grown, s.Tail())
		s.buf = grown
	} else {
		copy(s.buf, s.Tail())
	}
	s.base += int64(s.pos)
	s.pos, s.end = 0, have
	for idle := 0; s.err == nil && s.end < min(max(2*have, 1), len(s.buf)); {
		var n int
		n, s.err = s.r.Read(s.buf[s.end:])
		s.end += n
		if idle++; n > 0 {
			idle = 0
		} else if idle == 100 && s.err == nil {
			s.err = io.ErrNoProgress
		}
	}
	s.split.forget()
	return nil
}

// ended says what the reader's end means for the bytes that are left.
func (s *Scanner) ended(left int) error {
	switch {
	case s.err != io.EOF:
		return s.err
	case s.partial:
		return ErrMore
	case left == 0:
		return io.EOF
	case left > s.limit:
		return s.oversize()
	default:
		return s.unterminated()
	}
}

// oversize is the error of a record beyond the limit. It looks at the same bytes of
// the record however many are there, so that it does not depend on the reads.
func (s *Scanner) oversize() error {
	s.end = s.pos + s.limit + 1
	s.err = io.ErrUnexpectedEOF
	s.split.forget()
	if s.next(); s.split.open >= 0 {
		return s.unterminated()
	}
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrRecordTooLarge,
		"A record is larger than %d bytes. Check that its lines end and that the delimiter and quote are right.", s.limit).At(s.line, s.Offset())
}

func (s *Scanner) unterminated() error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnterminatedQuote,
		"A quote is opened here and never closed. Close it, or double it if it belongs to the text.").
		At(s.line+s.split.openLine, s.base+int64(s.split.open))
}
