package replay

import (
	"context"
	"maps"
	"slices"

	"bulkhead/internal/bulk"
)

// Applied finds what a committed batch put into the store: its valid records, less the
// rows that only the transaction could reject.
//
// That is the whole record unless an upsert changed one that was there: columns that
// the file does not feed keep their values, which the object does not have. Such
// batches are looked up in the store by their keys; a record that another batch has
// overwritten since is left to that batch.
type Applied struct {
	Reader *Reader
	Ledger Ledger
}

// Read calls use once with the records, which are valid until it returns. They are
// complete in the columns that they name; a column that they do not name is null. Records
// that a later batch displaced may be among them.
func (a Applied) Read(ctx context.Context, task bulk.BatchTask, use func(bulk.Records) error) error {
	refused, err := a.Ledger.BatchRejects(ctx, task.Account, task.ID())
	if err != nil {
		return err
	}
	return a.Reader.Read(ctx, task, func(b *Batch) error {
		found := b.Validate()
		records := without(found.Records, slices.Collect(maps.Values(refused))...)
		if keepsOthers(task, found.Superseded) {
			stored, err := a.Ledger.AppliedRecords(ctx, task, keysOf(task.Spec, records))
			if err != nil {
				return err
			}
			records = stored
		}
		return use(records)
	})
}

// keepsOthers reports whether a record of the batch may have values that its file does
// not feed: only when the import overwrites records that are not its own, here or, as a
// row that the transaction counted as superseded tells, in another of its batches.
func keepsOthers(task bulk.BatchTask, superseded int64) bool {
	if task.Import.Mode == bulk.ModeCreate || task.Batch.Rows.Updated == 0 && task.Batch.Rows.Superseded == superseded {
		return false
	}
	return slices.ContainsFunc(task.Spec.Columns, func(c bulk.Column) bool { return !slices.Contains(task.Import.Layout.Fields, c.Name) })
}

// without takes rows out of records, whose order it keeps.
func without(r bulk.Records, sets ...bulk.RowSet) bulk.Records {
	if !slices.ContainsFunc(sets, func(s bulk.RowSet) bool { return len(s) > 0 }) {
		return r
	}
	out := bulk.Records{Columns: r.Columns}
	for i, row := range r.RowNo {
		if slices.ContainsFunc(sets, func(s bulk.RowSet) bool { return s.Contains(row) }) {
			continue
		}
		out.RowNo = append(out.RowNo, row)
		out.LineNo = append(out.LineNo, r.LineNo[i])
		out.Keys = append(out.Keys, r.Keys[i])
		out.Values = append(out.Values, r.Values[i])
	}
	return out
}

// keysOf returns the key columns' values of each record, in the order of the key.
func keysOf(spec bulk.Spec, r bulk.Records) [][]bulk.Value {
	out := make([][]bulk.Value, r.Len())
	for i, values := range r.Values {
		for _, k := range spec.Key {
			out[i] = append(out[i], values[slices.Index(r.Columns, k)])
		}
	}
	return out
}
