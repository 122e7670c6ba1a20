package mirror

import (
	"context"
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

const (
	repairPage  = 10_000  // records of one insert
	comparePage = 200_000 // rows of the mirror; each page reads all of the account's
)

// rowBitmap is a set of (op_seq, row_no): a bit for each row of an import.
type rowBitmap map[int64][]uint64

func (b rowBitmap) add(opSeq, row int64) {
	word := int(row / 64)
	if short := word + 1 - len(b[opSeq]); short > 0 {
		b[opSeq] = append(b[opSeq], make([]uint64, short)...)
	}
	b[opSeq][word] |= 1 << (row % 64)
}

func (b rowBitmap) remove(opSeq, row int64) {
	if b.has(opSeq, row) {
		b[opSeq][row/64] &^= 1 << (row % 64)
	}
}

func (b rowBitmap) has(opSeq, row int64) bool {
	words := b[opSeq]
	return row/64 < int64(len(words)) && words[row/64]&(1<<(row%64)) != 0
}

// repair copies an account's records again and buries those that the store lacks.
//
// The mirror is read before the store: a row that only the mirror has at that time is
// gone from the store, or was replaced by a greater version. Its tombstone outranks
// that row alone, so what arrives meanwhile is never buried.
func (c *comparison) repair(ctx context.Context, account bulk.AccountID) error {
	gone := rowBitmap{}
	if err := c.each(ctx, account, func(_ []any, opSeq, row int64) error {
		gone.add(opSeq, row)
		return nil
	}); err != nil {
		return err
	}
	if err := c.copyRecords(ctx, account, gone); err != nil {
		return err
	}
	return c.bury(ctx, account, gone)
}

// copyRecords inserts every record of the store and takes it out of gone.
func (c *comparison) copyRecords(ctx context.Context, account bulk.AccountID, gone rowBitmap) error {
	for cursor := ""; ; {
		page, err := c.records.Records(ctx, account, c.dataset.Name, cursor, repairPage)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, r := range page.Records {
			gone.remove(r.OpSeq, r.Row)
			row, err := c.row(account, r.Values, r.OpSeq, r.Row, string(r.Import), false)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		if err := insertRows(ctx, c.engine, c.table, rows); err != nil {
			return err
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

func (c *comparison) row(account bulk.AccountID, values []bulk.Value, opSeq, row int64, imp string, deleted bool) ([]any, error) {
	v, err := version(opSeq, row, deleted)
	if err != nil {
		return nil, err
	}
	return append(append([]any{string(account)}, values...), opSeq, row, imp, v, deleted), nil
}

// bury writes tombstones over the rows in gone.
func (c *comparison) bury(ctx context.Context, account bulk.AccountID, gone rowBitmap) error {
	var rows [][]any
	flush := func() error {
		err := insertRows(ctx, c.engine, c.table, rows)
		rows = nil
		return err
	}
	if err := c.each(ctx, account, func(key []any, opSeq, row int64) error {
		if !gone.has(opSeq, row) {
			return nil
		}
		values := make([]bulk.Value, len(c.dataset.Columns))
		for i, col := range c.dataset.Columns {
			for j, k := range c.dataset.Key {
				if col.Name == k {
					values[i] = keyValue(col.Type, key[j])
				}
			}
		}
		tombstone, err := c.row(account, values, opSeq, row, "", true)
		if err != nil {
			return err
		}
		if rows = append(rows, tombstone); len(rows) < repairPage {
			return nil
		}
		return flush()
	}); err != nil {
		return err
	}
	return flush()
}

// keyValue makes of a key column as text what an insert takes.
func keyValue(t bulk.Type, v any) bulk.Value {
	switch t {
	case bulk.TypeInteger, bulk.TypeBoolean:
		if n, err := whole(v); err == nil {
			if t == bulk.TypeBoolean {
				return n != 0
			}
			return n
		}
	}
	return v
}

// each calls fn for every live row of the account in the mirror, in pages by version.
// Key columns come as text.
func (c *comparison) each(ctx context.Context, account bulk.AccountID, fn func(key []any, opSeq, row int64) error) error {
	keys := make([]string, len(c.dataset.Key))
	for i, k := range c.dataset.Key {
		keys[i] = "toString(" + ident(k) + ")"
	}
	for last, n := "0", comparePage; n == comparePage; {
		n = 0
		if err := c.engine.Query(ctx, fmt.Sprintf(`
			SELECT %s, toString(_op_seq), toString(_row_no), toString(_version) FROM %s FINAL
			WHERE _deleted = 0 AND _account_id = %s AND _version > %s ORDER BY _version LIMIT %d`,
			strings.Join(keys, ", "), ident(c.table.name), literal(string(account)), last, comparePage), func(row []any) error {
			n++
			k := len(keys)
			opSeq, err := whole(row[k])
			if err != nil {
				return err
			}
			no, err := whole(row[k+1])
			if err != nil {
				return err
			}
			last = fmt.Sprint(row[k+2])
			return fn(row[:k], opSeq, no)
		}); err != nil {
			return err
		}
	}
	return nil
}
