package app

import (
	"context"
	"errors"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/store"
	"bulkhead/processors/validate"
)

// rejects derives an import's rejected rows again from its staged objects, by the
// same pure validation and the spec that the import keeps, so nothing has to store
// them. Rows that only the transaction could reject are named on their batch.
type rejects struct {
	store   *store.Store
	objects objects.Store
}

// batchPage is how many batches are listed at a time.
const batchPage = 500

// Each calls fn for every rejected row, in file order, one batch in memory at a time.
func (r rejects) Each(ctx context.Context, imp bulk.Import, fn func(bulk.Reject) error) error {
	if imp.Layout == nil {
		return nil // the header was never read, so no row was
	}
	spec, err := r.store.ImportSpec(ctx, imp.AccountID, imp.ID)
	if err != nil {
		return err
	}
	v, err := validate.Compile(spec, *imp.Layout)
	if err != nil {
		return err
	}
	for after := int64(-1); ; {
		batches, err := r.store.Batches(ctx, imp.AccountID, imp.ID, after, batchPage)
		if err != nil || len(batches) == 0 {
			return err
		}
		for _, b := range batches {
			after = b.No
			if b.Rows.Rejected+b.Rows.OverQuota == 0 {
				continue
			}
			if err := r.batch(ctx, imp, v, b, fn); err != nil {
				return err
			}
		}
	}
}

func (r rejects) batch(ctx context.Context, imp bulk.Import, v *validate.Validator, b bulk.Batch, fn func(bulk.Reject) error) error {
	refused, err := r.store.BatchRejects(ctx, imp.AccountID, bulk.BatchID{Import: imp.ID, No: b.No})
	if err != nil {
		return err
	}
	data, err := r.objects.Get(ctx, b.Object)
	if errors.Is(err, bulk.ErrNotFound) {
		return bulk.Errorf(bulk.KindNotFound, "rejects_gone", "The staged rows of this import are gone, so its rejects cannot be listed any more.")
	}
	if err != nil {
		return err
	}
	batch, err := columnar.Decode(data, b.SHA256)
	if err != nil {
		return err
	}
	defer batch.Release()
	return v.Rejects(batch, func(row int64) bulk.Code {
		for code, rows := range refused {
			if rows.Contains(row) {
				return code
			}
		}
		return ""
	}, fn)
}
