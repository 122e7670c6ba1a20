package validate

import (
	"cmp"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// rejectGroups counts rejects by cause, with the first few of each as examples. The zero
// value is empty.
type rejectGroups struct {
	total int64
	by    map[cause]*bulk.RejectGroup
}

type cause struct {
	column string
	code   bulk.Code
}

// add counts record i of the batch.
func (s *rejectGroups) add(b Batch, i int, c *column, code bulk.Code) {
	s.total++
	at := cause{code: code}
	if c != nil {
		at.column = c.label()
	}
	cl := s.by[at]
	if cl == nil {
		if s.by == nil {
			s.by = map[cause]*bulk.RejectGroup{}
		}
		cl = &bulk.RejectGroup{Column: at.column, Code: code, Sentence: code.Sentence()}
		s.by[at] = cl
	}
	cl.Count++
	if len(cl.Examples) < bulk.MaxExamples {
		row, line, _ := b.Row(i)
		cl.Examples = append(cl.Examples, bulk.Example{Line: line, Row: row, Value: strings.Clone(offending(b, i, c))})
	}
}

// list returns the groups, the largest first.
func (s *rejectGroups) list() []bulk.RejectGroup {
	var out []bulk.RejectGroup
	for _, cl := range s.by {
		out = append(out, *cl)
	}
	slices.SortFunc(out, func(a, b bulk.RejectGroup) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Column, b.Column), strings.Compare(string(a.Code), string(b.Code)))
	})
	return out
}

// offending returns what to show of record i: the cell, or the text of the record.
func offending(b Batch, i int, c *column) string {
	if c == nil {
		return bulk.Truncate(b.Raw(i)) // a record that can be read has none
	}
	return bulk.Truncate(c.cell(b, i))
}

// label names the column as the person who made the file knows it.
func (c *column) label() string { return cmp.Or(c.source, c.name) }
