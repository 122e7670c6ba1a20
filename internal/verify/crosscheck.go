package verify

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"

	"bulkhead/internal/bulk"
	"bulkhead/internal/csvfile"
)

// crossCheck counts the source's records with encoding/csv, which shares nothing with
// the importer's reader, where both promise to read the same.
func (v *verification) crossCheck() error {
	if why := v.special(); why != "" {
		v.report.CrossCheck = "skipped: " + why
		return nil
	}
	in, err := v.open()
	if err != nil {
		return err
	}
	defer in.Close()
	text, _, stop, err := csvfile.Unpack(in)
	if err != nil {
		return err
	}
	defer stop()
	records, lone, err := countRecords(text, rune(v.imp.Layout.Dialect.Delimiter))
	if !v.imp.Layout.Dialect.NoHeader {
		records--
	}
	switch {
	case lone:
		v.report.CrossCheck = "skipped: encoding/csv does not end lines at a lone CR"
	case err != nil:
		v.report.CrossCheck = "failed"
		v.report.differ("encoding/csv cannot read the source: %v", err)
	case records != v.report.Rows:
		v.report.CrossCheck = "failed"
		v.report.differ("encoding/csv finds %d rows in the source, the importer's reader %d", records, v.report.Rows)
	default:
		v.report.CrossCheck = fmt.Sprintf("encoding/csv finds the same %d rows", records)
	}
	return nil
}

// special says why encoding/csv would read the source differently, "" if it would not.
func (v *verification) special() string {
	d := v.imp.Layout.Dialect
	switch {
	case d.Quote != '"' || d.Escape != d.Quote:
		return "encoding/csv has no such quote or escape"
	case d.Encoding != "" && d.Encoding != "utf-8":
		return "encoding/csv reads UTF-8 only"
	case d.SepLine || d.Rejects:
		return "encoding/csv does not know a sep= line or a rejects.csv"
	case len(v.imp.Layout.Header) == 1:
		return "encoding/csv drops the empty values of a file of one column"
	case v.report.Rejected[bulk.CodeBadQuote] > 0:
		return "encoding/csv ends at a misplaced quote"
	}
	return ""
}

// countRecords also reports whether a CR stands without its LF.
func countRecords(text *bufio.Reader, delimiter rune) (n int64, lone bool, err error) {
	if mark, _ := text.Peek(3); bytes.Equal(mark, []byte("\xEF\xBB\xBF")) {
		text.Discard(3) // it was peeked
	}
	watch := &crWatch{r: text}
	in := csv.NewReader(watch)
	in.Comma, in.FieldsPerRecord, in.ReuseRecord = delimiter, -1, true
	for {
		_, err := in.Read()
		if err == io.EOF {
			return n, watch.lone || watch.open, nil
		}
		if err != nil {
			return n, watch.lone, err
		}
		n++
	}
}

// crWatch notices a CR that no LF follows.
type crWatch struct {
	r    io.Reader
	open bool // the last byte was a CR
	lone bool
}

func (w *crWatch) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	for _, c := range p[:n] {
		w.lone = w.lone || w.open && c != '\n'
		w.open = c == '\r'
	}
	return n, err
}
