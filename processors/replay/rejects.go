package replay

import (
	"context"

	"bulkhead/internal/bulk"
)

// Rejects lists rows that were rejected, also those that only the transaction could
// reject, without anything having stored them.
type Rejects struct {
	Reader *Reader
	Ledger Ledger
}

// batchPage is how many batches are listed at a time.
const batchPage = 500

// Each calls fn for every rejected row of an import, in file order, one batch in memory
// at a time, until it returns an error. A KindNotFound rejects_gone [bulk.Error] says that
// staged objects are gone.
func (r Rejects) Each(ctx context.Context, imp bulk.Import, fn func(bulk.Reject) error) error {
	if imp.Layout == nil {
		return nil // the header was never read, so no row was
	}
	spec, err := r.Ledger.ImportSpec(ctx, imp.AccountID, imp.ID)
	if err != nil {
		return err
	}
	task := bulk.BatchTask{Account: imp.AccountID, Import: imp, Spec: spec}
	for after := (bulk.BatchID{Import: imp.ID, No: -1}); ; {
		batches, err := r.Ledger.Batches(ctx, imp.AccountID, after, batchPage)
		if err != nil || len(batches) == 0 {
			return err
		}
		for _, b := range batches {
			after.No = b.No
			if b.Rows.Rejected+b.Rows.OverQuota == 0 {
				continue
			}
			task.Batch = b
			if err := r.batch(ctx, task, fn); err != nil {
				return err
			}
		}
	}
}

func (r Rejects) batch(ctx context.Context, task bulk.BatchTask, fn func(bulk.Reject) error) error {
	refused, err := r.Ledger.BatchRejects(ctx, task.Account, task.ID())
	if err != nil {
		return err
	}
	codeOf := func(row int64) bulk.Code {
		for code, rows := range refused {
			if rows.Contains(row) {
				return code
			}
		}
		return ""
	}
	err = r.Reader.Read(ctx, task, func(b *Batch) error { return b.Rejects(codeOf, fn) })
	if bulk.CodeOf(err) == ErrMissing {
		return bulk.Errorf(bulk.KindNotFound, "rejects_gone", "The staged rows of this import are gone, so its rejects cannot be listed any more.")
	}
	return err
}
