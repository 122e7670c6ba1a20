package validate

import (
	"bulkhead/internal/bulk"
)

// Rejects calls fn with every rejected row of a batch, in file order, until it
// returns an error. also names the code of rows that only the
// transaction could reject (duplicate_key, over_quota) and "" for others; it may be nil.
//
// The rejects share the memory of the batch.
func (v *Validator) Rejects(b Batch, also func(row int64) bulk.Code, fn func(bulk.Reject) error) error {
	values := make([]bulk.Value, len(v.fields))
	for i := range b.Rows() {
		col, code := v.record(b, i, values)
		if code == "" && also != nil {
			row, _, _ := b.Row(i)
			code = also(row)
			col = v.order[0] // both are about the key
		}
		if code == "" {
			continue
		}
		if err := fn(v.reject(b, i, broken{col, code, values})); err != nil {
			return err
		}
	}
	return nil
}

// broken is the first rule that a record broke.
type broken struct {
	col    *column // nil when the whole row is meant
	code   bulk.Code
	values []bulk.Value // of the record, as far as they were read
}

// reject describes why record i was rejected.
func (v *Validator) reject(b Batch, i int, rule broken) bulk.Reject {
	col, code := rule.col, rule.code
	r := bulk.Reject{Code: code, Value: offending(b, i, col)}
	r.Row, r.Line, r.Offset = b.Row(i)
	if b.Code(i) != "" {
		r.Raw = b.Raw(i)
		if r.Message = b.Detail(i); r.Message == "" {
			r.Message = code.Sentence()
		}
		return r
	}
	if col != nil {
		r.Column = col.label()
		r.Message = col.message(code, r.Value)
	}
	if code == bulk.CodeKeyTooLarge || code == bulk.CodeRowTooLarge {
		r.Message = v.oversized(code, rule.values)
	}
	r.Cells = make([]string, v.columns)
	for c := range r.Cells {
		r.Cells[c] = b.Cell(c, i)
	}
	return r
}
