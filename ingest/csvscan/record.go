package csvscan

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// record makes a Record of what was split, checks it and moves behind it.
func (s *Scanner) record() *Record {
	p := &s.split
	r := &s.rec
	*r = Record{
		Line:   s.line,
		Offset: s.base + int64(s.pos),
		End:    s.base + int64(p.after),
		Raw:    s.buf[s.pos:p.stop:p.stop],
	}
	found := p.n
	if p.bad < 0 && found <= len(p.cells) {
		r.Cells = p.cells[:found:found]
	}
	nul := p.hasNUL(s.buf[:s.end], s.pos, p.stop)
	if s.rejects {
		found = s.original(r, found)
		nul = bytes.IndexByte(r.Raw, 0) >= 0
	}
	switch {
	case p.bad >= 0:
		r.reject(bulk.CodeBadQuote, "%s", s.misplaced())
	case !utf8.Valid(r.Raw):
		r.reject(bulk.CodeInvalidEncoding, "%s", invalid(r.Raw))
	case nul:
		r.reject(bulk.CodeInvalidCharacter, "byte %d of the record is NUL", bytes.IndexByte(r.Raw, 0)+1)
	case r.Cells == nil && s.columns == 0:
		r.reject(bulk.CodeColumnCount, "found %d cells, at most %d are allowed", found, len(p.cells))
	case s.columns == 0:
		s.columns = found
	case found != s.columns:
		r.reject(bulk.CodeColumnCount, "expected %d cells, found %d", s.columns, found)
	}
	if r.Code == "" && len(r.Raw) > s.field {
		s.checkFields(r)
	}
	s.consume()
	return r
}

func (r *Record) reject(code bulk.Code, format string, args ...any) {
	r.Code, r.Detail = code, fmt.Sprintf(format, args...)
}

// misplaced describes the quote at which splitting ended.
func (s *Scanner) misplaced() string {
	at := s.split.bad - s.pos + 1
	if s.buf[s.split.bad] == s.split.quote {
		return fmt.Sprintf("cell %d has a quote in its middle, at byte %d of the record", s.split.n+1, at)
	}
	return fmt.Sprintf("cell %d goes on after its closing quote, at byte %d of the record", s.split.n+1, at)
}

// invalid describes the first bytes of b that are not UTF-8.
func invalid(b []byte) string {
	for i := 0; i < len(b); {
		_, n := utf8.DecodeRune(b[i:])
		if n == 1 && b[i] >= utf8.RuneSelf {
			return fmt.Sprintf("byte %d of the record, 0x%02X, is not valid in the file's encoding; if the text looks right elsewhere, choose that encoding", i+1, b[i])
		}
		i += n
	}
	return ""
}

func (s *Scanner) checkFields(r *Record) {
	for i, cell := range r.Cells {
		if len(cell) > s.field {
			r.reject(bulk.CodeFieldTooLarge, "cell %d has %d bytes, at most %d are allowed", i+1, len(cell), s.field)
			return
		}
	}
}
