package app

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/store"
	"bulkhead/processors/validate"
)

// landed gives the mirror what a committed batch put into the store. It is derived from
// the staged object by the same pure validation, less the rows that only the
// transaction could reject.
//
// That is the whole record unless an upsert changed one that was there: columns that
// the file does not feed keep their values, which the object does not have. Such
// batches are looked up in the store by their keys; a record that another batch has
// overwritten since is left to that batch.
type landed struct {
	store   *store.Store
	objects objects.Store

	mu        sync.Mutex
	last      bulk.ImportID // whose rules are compiled; batches come by import
	validator *validate.Validator
}

// Of implements mirror.Rows.
func (l *landed) Of(ctx context.Context, w bulk.BatchTask, use func(bulk.Records) error) error {
	id := bulk.BatchID{Import: w.Import.ID, No: w.Batch.No}
	refused, err := l.store.BatchRejects(ctx, w.Account, id)
	if err != nil {
		return err
	}
	v, err := l.rules(w)
	if err != nil {
		return err
	}
	data, err := l.objects.Get(ctx, w.Batch.Object)
	if err != nil {
		return err
	}
	batch, err := columnar.Decode(data, w.Batch.SHA256)
	if err != nil {
		return err
	}
	defer batch.Release()
	found := v.Batch(batch)
	records := without(found.Records, slices.Collect(maps.Values(refused))...)
	if keepsOthers(w, found.Superseded) {
		if records, err = l.store.LandedRecords(ctx, w, keysOf(w.Spec, records)); err != nil {
			return err
		}
	}
	return use(records)
}

func (l *landed) rules(w bulk.BatchTask) (*validate.Validator, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == w.Import.ID {
		return l.validator, nil
	}
	if w.Import.Layout == nil {
		return nil, errors.New("the import has committed rows but no header")
	}
	v, err := validate.Compile(w.Spec, *w.Import.Layout)
	if err == nil {
		l.last, l.validator = w.Import.ID, v
	}
	return v, err
}

// keepsOthers reports whether a record of the batch may have values that its file does
// not feed: only when the import overwrites records that are not its own, here or, as a
// row that the transaction counted as superseded tells, in another of its batches.
func keepsOthers(w bulk.BatchTask, superseded int64) bool {
	if w.Import.Mode == bulk.ModeCreate || w.Batch.Rows.Updated == 0 && w.Batch.Rows.Superseded == superseded {
		return false
	}
	return slices.ContainsFunc(w.Spec.Columns, func(c bulk.Column) bool { return !slices.Contains(w.Import.Layout.Fields, c.Name) })
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
