package validate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// Batch is a batch as its object holds it; *columnar.Batch is one.
type Batch interface {
	Rows() int
	// Row returns the place of record i in the file.
	Row(i int) (row, line, offset int64)
	// Code returns why the reader rejected record i, or "" when it has cells.
	Code(i int) bulk.Code
	Detail(i int) string
	Raw(i int) string
	Cell(col, i int) string
}

// Result is a validated batch. Its records share the memory of the batch: they are
// valid until the batch is released. The groups are not.
type Result struct {
	Records      bulk.Records
	Superseded   int64              // rows displaced by a later one with the same key
	Rejected     int64              // rows that the reader or validation rejected
	RejectGroups []bulk.RejectGroup // of Rejected, by column and code
}

// Batch validates a batch, for committing it. Rows is Records.Len + Superseded + Rejected.
func (v *Validator) Batch(b Batch) Result {
	n, width := b.Rows(), len(v.fields)
	values := make([]bulk.Value, 0, n*width)
	rows := make([]valid, 0, n)
	var rejected rejectGroups
	for i := range n {
		at := len(values)
		record := values[at : at+width : at+width]
		if col, code := v.record(b, i, record); code != "" {
			rejected.add(b, i, col, code)
			continue
		}
		values = values[:at+width]
		row, line, _ := b.Row(i)
		rows = append(rows, valid{key: v.key(record), row: row, line: line, values: record})
	}
	rows, superseded := latest(rows)
	out := Result{Superseded: superseded, Rejected: rejected.total, RejectGroups: rejected.list()}
	out.Records = bulk.Records{
		Columns: v.fields,
		RowNo:   make([]int64, len(rows)),
		LineNo:  make([]int64, len(rows)),
		Keys:    make([]string, len(rows)),
		Values:  make([][]bulk.Value, len(rows)),
	}
	for i, r := range rows {
		out.Records.RowNo[i], out.Records.LineNo[i], out.Records.Keys[i], out.Records.Values[i] = r.row, r.line, r.key, r.values
	}
	return out
}

// valid is a row without fault.
type valid struct {
	key    string
	row    int64
	line   int64
	values []bulk.Value
}

// latest sorts by key and keeps the last row of each. Rows come in file order, so a
// file that is sorted by key already costs one look; equal keys count as unsorted.
func latest(rows []valid) (kept []valid, superseded int64) {
	if slices.IsSortedFunc(rows, func(a, b valid) int { return cmp.Or(strings.Compare(a.key, b.key), -1) }) {
		return rows, 0
	}
	slices.SortFunc(rows, func(a, b valid) int { return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.row, b.row)) })
	kept = rows[:0]
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].key == r.key {
			superseded++
			continue
		}
		kept = append(kept, r)
	}
	return kept, superseded
}

// record fills in the values of record i, or returns the first broken rule with its
// column, nil when the whole row is meant.
func (v *Validator) record(b Batch, i int, values []bulk.Value) (*column, bulk.Code) {
	if code := b.Code(i); code != "" {
		return nil, code
	}
	if v.keys > 1 {
		for _, c := range v.order[:v.keys] {
			if _, empty := c.trim(c.cell(b, i)); empty && c.fallback == nil {
				return c, bulk.CodeMissingKey
			}
		}
	}
	for _, c := range v.order {
		value, code := c.value(c.cell(b, i))
		if code != "" {
			return c, code
		}
		values[c.out] = value
	}
	return v.fits(values)
}

// cell returns what the file has for the column in record i.
func (c *column) cell(b Batch, i int) string {
	if c.at < 0 {
		return ""
	}
	return b.Cell(c.at, i)
}

// key renders the key of a record, see [bulk.Records].
func (v *Validator) key(values []bulk.Value) string {
	if v.keys == 1 {
		return keyText(values[v.order[0].out])
	}
	parts := make([]string, v.keys)
	for i, c := range v.order[:v.keys] {
		parts[i] = keyText(values[c.out])
	}
	return strings.Join(parts, keySeparator)
}

func keyText(v bulk.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	default: // a spec allows no other type in a key
		return ""
	}
}
