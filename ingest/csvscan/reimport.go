package csvscan

import (
	"bytes"
	"slices"

	"bulkhead/internal/bulk"
)

// original turns a record of a rejects.csv into the record it was exported from and
// returns how many cells that has.
func (s *Scanner) original(r *Record, found int) int {
	if r.Cells == nil {
		keep, dropped := s.originalText(r.Raw)
		r.Raw = keep
		return found - dropped
	}
	keep, raw := s.withoutReasons(r.Cells)
	r.Cells = keep
	if !raw {
		for i := range keep {
			keep[i] = UnescapeFormula(keep[i])
		}
	}
	from := len(s.split.scratch)
	s.split.scratch = s.split.appendRecord(s.split.scratch, keep)
	r.Raw = s.split.scratch[from:]
	return len(keep)
}

// withoutReasons drops the cells that the export added. A spreadsheet may have padded
// a short record behind them with empty cells; a person may have added a record
// without them, or with empty ones.
func (s *Scanner) withoutReasons(cells [][]byte) (keep [][]byte, raw bool) {
	m := len(cells)
	for m > 0 && len(cells[m-1]) == 0 {
		m--
	}
	extra := len(bulk.RejectColumns)
	if raw = m > 0 && string(cells[m-1]) == bulk.RawColumn; raw {
		m--
	}
	switch {
	case m >= extra && reasons(cells[m-extra:m]):
		return cells[:m-extra], raw
	case s.columns == 0 || len(cells) == s.columns:
		return cells, raw
	case len(cells) == s.columns+extra || len(cells) == s.columns+extra+1:
		return cells[:s.columns], raw
	}
	return cells, raw
}

// originalText does the same for a record that cannot be split, whose added cells the
// export wrote so that no delimiter or quote is in them.
func (s *Scanner) originalText(text []byte) (keep []byte, dropped int) {
	delim := []byte{s.split.delim}
	head, last, raw := text, []byte(nil), false
	if i := bytes.LastIndex(text, delim); i >= 0 {
		if last = text[i+1:]; string(last) == bulk.RawColumn {
			head, raw, dropped = text[:i], true, 1
		}
	}
	var cells [][]byte
	for range bulk.RejectColumns {
		i := bytes.LastIndex(head, delim)
		if i < 0 {
			return text, 0
		}
		cells = append(cells, head[i+1:])
		head = head[:i]
	}
	slices.Reverse(cells)
	if !reasons(cells) {
		return text, 0
	}
	if !raw {
		from := len(s.split.scratch)
		s.split.scratch = s.split.appendUnescaped(s.split.scratch, head)
		head = s.split.scratch[from:]
	}
	return head, dropped + len(cells)
}

// reasons reports whether the cells are those of [bulk.RejectColumns].
func reasons(cells [][]byte) bool {
	names := true
	for i, name := range bulk.RejectColumns {
		names = names && string(cells[i]) == name
	}
	return names || number(cells[0]) && number(cells[1]) && bulk.Code(cells[2]).Valid()
}

func number(cell []byte) bool {
	for _, c := range cell {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(cell) > 0
}
