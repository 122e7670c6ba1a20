package mirror

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
)

// sourcePage is how many rows are read of the store at once.
const sourcePage = 5_000

// accountIDs are the store's accounts, for every table.
func accountIDs(ctx context.Context, r Records) ([]bulk.AccountID, error) {
	all, err := r.ListAccounts(ctx)
	out := make([]bulk.AccountID, len(all))
	for i, a := range all {
		out[i] = a.ID
	}
	return out, err
}

// recordsSource are the live records of a dataset.
type recordsSource struct {
	Records
	dataset bulk.Dataset
}

func (s recordsSource) accounts(ctx context.Context) ([]bulk.AccountID, error) {
	return accountIDs(ctx, s.Records)
}

func (s recordsSource) each(ctx context.Context, account bulk.AccountID, in keyRange, use func(row []any) error) error {
	key := make([]int, len(s.dataset.Key))
	for i, k := range s.dataset.Key {
		key[i] = slices.IndexFunc(s.dataset.Columns, func(c bulk.Column) bool { return c.Name == k })
	}
	for n := sourcePage; n == sourcePage; {
		n = 0
		var used error
		if err := s.RecordsBetween(ctx, bulk.RecordRange{Account: account, Spec: s.dataset.Spec, After: in.after, UpTo: in.upTo, Limit: sourcePage}, func(r bulk.Record) bool {
			n++
			in.after = make([]any, len(key))
			for i, k := range key {
				in.after[i] = r.Values[k]
			}
			var row []any
			if row, used = recordRow(account, r); used == nil {
				used = use(row)
			}
			return used == nil
		}); err != nil {
			return err
		}
		if used != nil {
			return used
		}
	}
	return nil
}

// recordRow is a row of a dataset's table.
func recordRow(account bulk.AccountID, r bulk.Record) ([]any, error) {
	v, err := version(r.OpSeq, r.Row, false)
	if err != nil {
		return nil, err
	}
	return append(append([]any{string(account)}, r.Values...), r.OpSeq, r.Row, string(r.Import), v, false), nil
}

// importsSource are all imports.
type importsSource struct{ Records }

func (s importsSource) accounts(ctx context.Context) ([]bulk.AccountID, error) {
	return accountIDs(ctx, s.Records)
}

func (s importsSource) each(ctx context.Context, account bulk.AccountID, in keyRange, use func(row []any) error) error {
	after := bulk.ImportID(first(in.after))
	for {
		page, err := s.ImportsAfter(ctx, account, after, groupImports)
		if err != nil {
			return err
		}
		for _, i := range page {
			if after = i.ID; in.upTo != nil && string(i.ID) > first(in.upTo) {
				return nil
			}
			if err := use(importRow(i)); err != nil {
				return err
			}
		}
		if len(page) < groupImports {
			return nil
		}
	}
}

// first is the text that a key begins with, "" for none.
func first(key []any) string {
	if len(key) == 0 {
		return ""
	}
	return key[0].(string)
}

// batchesSource are batches that need no work any more.
type batchesSource struct{ Records }

func (s batchesSource) accounts(ctx context.Context) ([]bulk.AccountID, error) {
	return accountIDs(ctx, s.Records)
}

func (s batchesSource) each(ctx context.Context, account bulk.AccountID, in keyRange, use func(row []any) error) error {
	after := bulk.BatchID{Import: bulk.ImportID(first(in.after)), No: -1}
	if in.after != nil {
		after.No = in.after[1].(int64)
	}
	for {
		page, err := s.EndedBatches(ctx, account, after, sourcePage)
		if err != nil {
			return err
		}
		for _, b := range page {
			after = bulk.BatchID{Import: b.Import.ID, No: b.Batch.No}
			if in.upTo != nil && compareKeys([]any{string(after.Import), after.No}, in.upTo) > 0 {
				return nil
			}
			if err := use(batchRow(b.Import, b.Batch)); err != nil {
				return err
			}
		}
		if len(page) < sourcePage {
			return nil
		}
	}
}

// rejectsSource are the causes of rejects by import.
type rejectsSource struct{ Records }

func (s rejectsSource) accounts(ctx context.Context) ([]bulk.AccountID, error) {
	return accountIDs(ctx, s.Records)
}

func (s rejectsSource) each(ctx context.Context, account bulk.AccountID, in keyRange, use func(row []any) error) error {
	after := bulk.ImportID(first(in.after))
	if after != "" {
		after = after[:len(after)-1] // so that it is among those after
	}
	for {
		page, err := s.ImportsAfter(ctx, account, after, groupImports)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].ID
		if err := s.page(ctx, page, in, use); err != nil {
			return err
		}
		if len(page) < groupImports || in.upTo != nil && string(after) > first(in.upTo) {
			return nil
		}
	}
}

func (s rejectsSource) page(ctx context.Context, page []bulk.Import, in keyRange, use func(row []any) error) error {
	rejects, err := s.Rejects(ctx, importIDs(page))
	if err != nil {
		return err
	}
	for _, i := range page {
		groups := rejects[i.ID]
		slices.SortFunc(groups, func(a, b bulk.RejectGroup) int {
			return cmp.Or(strings.Compare(a.Column, b.Column), cmp.Compare(a.Code, b.Code))
		})
		for _, c := range groups {
			key := []any{string(i.ID), c.Column, string(c.Code)}
			if in.after != nil && compareKeys(key, in.after) <= 0 || in.upTo != nil && compareKeys(key, in.upTo) > 0 {
				continue
			}
			if err := use(rejectRow(i, c)); err != nil {
				return err
			}
		}
	}
	return nil
}

func importIDs(imports []bulk.Import) []bulk.ImportID {
	out := make([]bulk.ImportID, len(imports))
	for i, imp := range imports {
		out[i] = imp.ID
	}
	return out
}

// compareKeys orders keys of texts and whole numbers.
func compareKeys(a, b []any) int {
	for i := range a {
		order := 0
		switch x := a[i].(type) {
		case string:
			order = strings.Compare(x, b[i].(string))
		case int64:
			order = cmp.Compare(x, b[i].(int64))
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

// accountsSource are the accounts themselves: one row each.
type accountsSource struct{ Records }

func (s accountsSource) accounts(ctx context.Context) ([]bulk.AccountID, error) {
	return accountIDs(ctx, s.Records)
}

func (s accountsSource) each(ctx context.Context, account bulk.AccountID, _ keyRange, use func(row []any) error) error {
	clock, err := s.Now(ctx)
	if err != nil {
		return err
	}
	a, err := s.Account(ctx, account)
	if bulk.KindOf(err) == bulk.KindNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return use(accountRow(a, uint64(clock.UnixMicro())))
}
