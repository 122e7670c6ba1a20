package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// fault is what an error of the database speaks of.
type fault int

const (
	notDatabase    fault = iota // no error of the database
	faultUnknown                // neither of the others: of the statement, the session, the schema
	faultRetryable              // the same call may succeed later
	faultData                   // the database does not take what it was given
)

// refusedRows finds those of the rows that the database does not take, by halves: each
// part is written in a transaction that is rolled back. Validation lets no such row
// through as far as it can know, so what a search costs hardly matters.
func (s *Store) refusedRows(ctx context.Context, c bulk.ValidatedBatch, rows []int) ([]int, error) {
	err := s.rehearse(ctx, c, rows)
	switch {
	case err == nil:
		return nil, nil
	case s.engine.fault(err) != faultData:
		return nil, err
	case len(rows) == 1:
		return rows, nil
	}
	left, err := s.refusedRows(ctx, c, rows[:len(rows)/2])
	if err != nil {
		return nil, err
	}
	right, err := s.refusedRows(ctx, c, rows[len(rows)/2:])
	return slices.Concat(left, right), err
}

// errRehearsed rolls back what went well.
var errRehearsed = errors.New("rehearsed")

// rehearse merges rows and takes them back.
func (s *Store) rehearse(ctx context.Context, c bulk.ValidatedBatch, rows []int) error {
	for {
		err := s.tx(ctx, "rehearse batch", func(tx *txn) error {
			if _, err := s.merge(ctx, tx, c, rows); err != nil {
				return err
			}
			return errRehearsed
		})
		if errors.Is(err, errRehearsed) {
			return nil
		}
		if !errors.Is(err, errKeyExists) {
			return err
		}
	}
}

// mayOverflow reports whether records that the batch overwrites may become too large: a row
// within the bounds adds its values to those that the record keeps.
func mayOverflow(c bulk.ValidatedBatch) bool {
	var most bulk.Width
	for _, col := range c.Task.Spec.Columns {
		most.AddMost(col.Type)
	}
	return c.Task.Import.Mode == bulk.ModeUpsert && most.Size() > bulk.MaxRowBytes && len(keptColumns(c)) > 0
}

// keptColumns are those that an overwrite leaves alone.
func keptColumns(c bulk.ValidatedBatch) (kept []bulk.Column) {
	for _, col := range c.Task.Spec.Columns {
		if !c.Task.Spec.IsKey(col.Name) && !slices.Contains(c.Task.Import.Layout.Fields, col.Name) {
			kept = append(kept, col)
		}
	}
	return kept
}

// selectKept renders the [bulk.Width] of what an overwrite of the record t keeps, as four
// columns: all zero where it cannot matter.
func selectKept(c bulk.ValidatedBatch) string {
	if !mayOverflow(c) {
		return `0, 0, 0, 0`
	}
	var bytes, eights, fours, others []string
	for _, col := range keptColumns(c) {
		name := fmt.Sprintf(`t.%q`, col.Name)
		one := fmt.Sprintf(`CASE WHEN %s IS NULL THEN 0 ELSE 1 END`, name)
		switch col.Type {
		case bulk.TypeInteger, bulk.TypeFloat, bulk.TypeTimestamp:
			bytes, eights = append(bytes, "8 * "+one), append(eights, one)
		case bulk.TypeDate:
			bytes, fours = append(bytes, "4 * "+one), append(fours, one)
		case bulk.TypeBoolean:
			bytes, others = append(bytes, one), append(others, one)
		case bulk.TypeDecimal:
			bytes, others = append(bytes, fmt.Sprintf(`COALESCE(7 + LENGTH(CAST(%s AS TEXT)) / 2, 0)`, name)), append(others, one)
		default:
			length := fmt.Sprintf(`OCTET_LENGTH(CAST(%s AS TEXT))`, name)
			bytes = append(bytes, fmt.Sprintf(`CASE WHEN %s IS NULL THEN 0 WHEN %s < %d THEN %[2]s + 1 ELSE %[3]d END`, name, length, bulk.LongText))
			others = append(others, one)
		}
	}
	return strings.Join([]string{sumOf(bytes), sumOf(eights), sumOf(fours), sumOf(others)}, ", ")
}

// sumOf adds up terms in groups: SQLite bounds the depth of an expression.
func sumOf(terms []string) string {
	groups := []string{"0"}
	for group := range slices.Chunk(terms, 64) {
		groups = append(groups, "("+strings.Join(group, " + ")+")")
	}
	return strings.Join(groups, " + ")
}

// widths of what the rows of a batch overwrite records with; the key is part of it.
type widths struct {
	c       bulk.ValidatedBatch
	written []int // positions of the columns
}

func newWidths(c bulk.ValidatedBatch) *widths {
	if !mayOverflow(c) {
		return nil
	}
	w := &widths{c: c}
	for i, name := range c.Records.Columns {
		if c.Task.Spec.IsKey(name) || slices.Contains(c.Task.Import.Layout.Fields, name) {
			w.written = append(w.written, i)
		}
	}
	return w
}

// overflow reports whether the row and what the record keeps are too large together.
func (w *widths) overflow(row int, kept bulk.Width) bool {
	if w == nil {
		return false
	}
	for _, i := range w.written {
		kept.Add(w.c.Task.Spec.Column(w.c.Records.Columns[i]).Type, w.c.Records.Values[row][i])
	}
	return kept.Size() > bulk.MaxRowBytes
}
