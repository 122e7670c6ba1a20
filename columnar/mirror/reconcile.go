package mirror

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// Reconcile compares the mirror with the store, copies the records of every account
// and dataset that differ again, takes away what the store does not have, and calls
// found for each difference. It may run while imports and the mirror do: records that
// are on their way then count as a difference that copying mends. Memory follows the
// number of records of the largest account that differs, at one bit each.
func Reconcile(ctx context.Context, e Engine, r Records, found func(bulk.Difference) error) error {
	if err := e.Prepare(ctx); err != nil {
		return fmt.Errorf("prepare analytics: %w", err)
	}
	datasets, err := r.ListDatasets(ctx)
	if err != nil {
		return err
	}
	for _, d := range datasets {
		c := comparison{engine: e, records: r, dataset: d, table: datasetTable(d.Spec)}
		if err := c.run(ctx, found); err != nil {
			return fmt.Errorf("reconcile %s: %w", d.Name, err)
		}
	}
	return nil
}

// comparison is the work on one dataset.
type comparison struct {
	engine  Engine
	records Records
	dataset bulk.Dataset
	table   table
}

func (c *comparison) run(ctx context.Context, found func(bulk.Difference) error) error {
	if err := c.table.ensure(ctx, c.engine); err != nil {
		return err
	}
	differ, err := c.compare(ctx)
	if err != nil {
		return err
	}
	for _, d := range differ {
		if err := c.repair(ctx, d.Account); err != nil {
			return err
		}
	}
	if len(differ) == 0 {
		return nil
	}
	left, err := c.compare(ctx)
	if err != nil {
		return err
	}
	for _, d := range differ {
		d.Repaired = !slices.ContainsFunc(left, func(l bulk.Difference) bool { return l.Account == d.Account })
		if err := found(d); err != nil {
			return err
		}
	}
	return nil
}

// compare returns the accounts whose digests are not equal, by account.
func (c *comparison) compare(ctx context.Context) (out []bulk.Difference, err error) {
	mirror, err := c.digests(ctx)
	if err != nil {
		return nil, err
	}
	store, err := c.records.Digests(ctx, c.dataset)
	if err != nil {
		return nil, err
	}
	for account, digest := range store {
		if mirror[account] != digest {
			out = append(out, bulk.Difference{Account: account, Dataset: c.dataset.Name, Store: digest, Mirror: mirror[account]})
		}
		delete(mirror, account)
	}
	for account, digest := range mirror { // whose records the store has none of
		out = append(out, bulk.Difference{Account: account, Dataset: c.dataset.Name, Mirror: digest})
	}
	slices.SortFunc(out, func(a, b bulk.Difference) int { return strings.Compare(string(a.Account), string(b.Account)) })
	return out, nil
}

// digests are what the store's Digests are, of the mirror.
func (c *comparison) digests(ctx context.Context) (map[bulk.AccountID]bulk.Digest, error) {
	// Old servers give a remainder the width of the divisor, in which it may not fit.
	version := fmt.Sprintf("((_op_seq * 31 + _row_no) %% toInt64(%d))", bulk.DigestModulus)
	out := map[bulk.AccountID]bulk.Digest{}
	err := c.engine.Query(ctx, fmt.Sprintf("SELECT _account_id, toString(count()), toString(sum(%s * %s)), toString(sum(%s)) FROM %s FINAL WHERE _deleted = 0 GROUP BY _account_id",
		version, version, digestOfValues(c.dataset.Spec), ident(c.table.name)), func(row []any) error {
		var n [3]int64
		for i := range n {
			var err error
			if n[i], err = whole(row[1+i]); err != nil {
				return err
			}
		}
		out[bulk.AccountID(fmt.Sprint(row[0]))] = bulk.Digest{Rows: n[0], Versions: n[1], Values: n[2]}
		return nil
	})
	return out, err
}

// whole reads a number that the query rendered as text: engines differ in their types.
func whole(v any) (int64, error) { return strconv.ParseInt(fmt.Sprint(v), 10, 64) }

// digestOfValues weighs columns as the store does: texts by their bytes, whole numbers
// by their value, others by whether they are there.
func digestOfValues(spec bulk.Spec) string {
	const group = 64 // engines bound the depth of an expression
	var groups, sum []string
	for i, c := range spec.Columns {
		name := ident(c.Name)
		term := "isNotNull(" + name + ")"
		switch c.Type {
		case bulk.TypeText, bulk.TypeEmail, bulk.TypeEnum, bulk.TypeJSON:
			term = "ifNull(toInt64(length(" + name + ")) + 1, 0)"
		case bulk.TypeInteger:
			term = fmt.Sprintf("ifNull(%s %% toInt64(%d) + %d, 0)", name, bulk.DigestModulus, bulk.DigestModulus+1)
		case bulk.TypeBoolean:
			term = "ifNull(" + name + " + 1, 0)"
		}
		sum = append(sum, fmt.Sprintf("%d * toInt64(%s)", i+1, term))
		if len(sum) == group || i+1 == len(spec.Columns) {
			groups = append(groups, "("+strings.Join(sum, " + ")+")")
			sum = sum[:0]
		}
	}
	return strings.Join(groups, " + ")
}
