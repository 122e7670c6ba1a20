package store

import (
	"context"
	"slices"

	"bulkhead/internal/bulk"
)

// chargeQuota charges the created rows to the account and returns those for which
// there was no room, last rows first to go; they leave the table again before
// anyone could see them.
func (m *merge) chargeQuota(ctx context.Context, tx *txn) (over []int, err error) {
	c, created := m.c, m.out.created
	if len(created) == 0 {
		return nil, nil
	}
	const charge = `UPDATE accounts SET records_used = records_used + ? WHERE id = ? AND records_used + ? <= record_quota`
	n, err := changed(tx.ExecContext(ctx, charge, len(created), c.Task.Account, len(created)))
	if err != nil {
		return nil, err
	}
	if n == 0 {
		var a struct {
			Used  int64 `db:"records_used"`
			Quota int64 `db:"record_quota"`
		}
		if err := tx.GetContext(ctx, &a, `SELECT records_used, record_quota FROM accounts WHERE id = ?`+tx.lock, c.Task.Account); err != nil {
			return nil, err
		}
		over = overQuota(c, created, int(max(0, min(a.Quota-a.Used, int64(len(created))))))
		if err := m.table.remove(ctx, over); err != nil {
			return nil, err
		}
		if _, err := tx.ExecContext(ctx, charge, len(created)-len(over), c.Task.Account, len(created)-len(over)); err != nil {
			return nil, err
		}
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO dataset_usage (account_id, dataset, records) VALUES (?, ?, ?)
		ON CONFLICT (account_id, dataset) DO UPDATE SET records = dataset_usage.records + excluded.records`,
		c.Task.Account, c.Task.Import.Dataset, len(created)-len(over))
	return over, err
}

// overQuota picks the created rows beyond the room, in file order.
func overQuota(c bulk.ValidatedBatch, created []int, room int) []int {
	inOrder := slices.Clone(created)
	slices.SortFunc(inOrder, func(a, b int) int { return int(c.Records.RowNo[a] - c.Records.RowNo[b]) })
	over := inOrder[room:]
	slices.Sort(over)
	return over
}
