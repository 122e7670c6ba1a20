package mirror

import (
	"context"
	"fmt"

	"bulkhead/internal/bulk"
)

// Reconcile compares every table of analytics with the store, value by value, and makes
// them equal: it writes rows that are missing or were changed, takes away what the store
// does not have, and calls found for each difference. A database or table that is gone is
// made again. It may run while imports and the mirror do: what is on its way then counts
// as missing and is written.
//
// Ranges of keys are compared by digests and halved where they differ, so that what it
// reads and writes beyond one reading of both sides follows from what is wrong. Memory is
// bounded: 40 bytes for 8,192 rows of the largest account, and one page of rows.
func Reconcile(ctx context.Context, e Engine, r Records, found func(bulk.Difference) error) (cost bulk.Reconciliation, err error) {
	if err := e.Prepare(ctx); err != nil {
		return cost, fmt.Errorf("prepare analytics: %w", err)
	}
	d, err := dialectOf(ctx, e)
	if err != nil {
		return cost, err
	}
	if err := ensureLogs(ctx, e, d); err != nil {
		return cost, err
	}
	datasets, err := r.ListDatasets(ctx)
	if err != nil {
		return cost, err
	}
	tables := []comparison{
		{table: importsTable(), source: importsSource{r}},
		{table: batchesTable(), source: batchesSource{r}},
		{table: rejectsTable(), source: rejectsSource{r}},
		{table: accountsTable(), source: accountsSource{r}},
	}
	for _, d := range datasets {
		op, err := r.NewestOp(ctx, d.Name)
		if err != nil {
			return cost, err
		}
		newest, err := version(op, 1<<rowBits-1, true)
		if err != nil {
			return cost, err
		}
		tables = append(tables, comparison{table: datasetTable(d.Spec), source: recordsSource{r, d}, newest: newest})
	}
	for _, c := range tables {
		c.engine, c.table, c.cost = e, c.table.in(d), &cost
		if err := c.run(ctx, found); err != nil {
			return cost, fmt.Errorf("reconcile %s: %w", c.table.view, err)
		}
	}
	return cost, nil
}
