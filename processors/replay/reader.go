package replay

import (
	"context"
	"errors"
	"fmt"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/processors/validate"
)

// ErrMissing is the code of the error for a batch whose object is gone.
const ErrMissing = "object_missing"

// ErrFetch says that the object store failed to give an object. It may be there.
var ErrFetch = errors.New("fetch staged object")

// Objects keeps what was staged.
type Objects interface {
	// Get reads a whole object into memory. It returns bulk.ErrNotFound when there is none.
	Get(ctx context.Context, key string) ([]byte, error)
}

// Reader reads staged batches. It is safe for concurrent use.
type Reader struct {
	objects    Objects
	validators validators
}

// NewReader returns a reader of what the objects hold.
func NewReader(objects Objects) *Reader { return &Reader{objects: objects} }

// Read calls use once with the batch of the task and returns what use returns. Of the
// task it needs Import, Batch and Spec.
func (r *Reader) Read(ctx context.Context, task bulk.BatchTask, use func(*Batch) error) error {
	validator, err := r.validators.of(task)
	if err != nil {
		return fmt.Errorf("compile rules: %w", err)
	}
	rows, err := r.fetch(ctx, task.Batch)
	if err != nil {
		return err
	}
	defer rows.Release()
	return use(&Batch{rows: rows, validator: validator})
}

// fetch reads a batch's object and holds it against what the ledger says.
func (r *Reader) fetch(ctx context.Context, b bulk.Batch) (*columnar.Batch, error) {
	data, err := r.objects.Get(ctx, b.Object)
	switch {
	case errors.Is(err, bulk.ErrNotFound):
		return nil, bulk.Errorf("", ErrMissing, "The batch object is not in the object store.")
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFetch, err)
	}
	rows, err := columnar.Decode(data, b.SHA256)
	if err != nil {
		return nil, err
	}
	if n := int64(rows.Rows()); n != b.Rows.Read {
		rows.Release()
		return nil, bulk.Errorf("", columnar.ErrDamaged, "The batch object has %d rows, the ledger says %d.", n, b.Rows.Read)
	}
	return rows, nil
}

// Batch is a staged batch with the rules of its import. It, and whatever shares its
// memory, is valid until the function that was given it returns.
type Batch struct {
	rows      *columnar.Batch
	validator *validate.Validator
}

// Validate finds the batch's records and counts what is wrong with the other rows, see
// [validate.Validator.Batch].
func (b *Batch) Validate() validate.Result { return b.validator.Batch(b.rows) }

// Rejects calls fn for every rejected row in file order, see [validate.Validator.Rejects].
func (b *Batch) Rejects(refused func(row int64) bulk.Code, fn func(bulk.Reject) error) error {
	return b.validator.Rejects(b.rows, refused, fn)
}
