package mirror

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// source gives what a table should hold.
type source interface {
	// accounts lists those that may have rows.
	accounts(ctx context.Context) ([]bulk.AccountID, error)
	// each calls use for the account's rows in the range, ascending by key.
	each(ctx context.Context, account bulk.AccountID, s keyRange, use func(row []any) error) error
}

// The sizes of a comparison.
const (
	rangeRows = 8192 // of the store, that are compared by one digest at first
	leafRows  = 32   // that are looked at one by one
	pageRows  = 10_000
)

// comparison is the work on one table.
type comparison struct {
	engine Engine
	table  table // as the engine has it
	source source
	newest uint64 // greatest version that a row can have; 0: any
	cost   *bulk.Reconciliation

	pending [][]any // rows to write
	bytes   int
	found   []bulk.Difference
	fold    bool // rows are there more than once
}

// run compares the table account by account, repairs what differs and calls found for it.
func (c *comparison) run(ctx context.Context, found func(bulk.Difference) error) error {
	if err := c.table.ensure(ctx, c.engine); err != nil {
		return err
	}
	there, err := c.byAccount(ctx, "FINAL WHERE "+ident(colDeleted)+" = 0", c.table.hashSQL())
	if err != nil {
		return err
	}
	stored, err := c.byAccount(ctx, "", "toUInt64(0)")
	if err != nil {
		return err
	}
	folded, err := c.byAccount(ctx, "FINAL", "toUInt64(0)")
	if err != nil {
		return err
	}
	ours, err := c.source.accounts(ctx)
	if err != nil {
		return err
	}
	all := map[bulk.AccountID]struct{}{}
	for _, a := range ours {
		all[a] = struct{}{}
	}
	for a := range folded {
		all[a] = struct{}{}
	}
	for _, account := range slices.Sorted(maps.Keys(all)) {
		a := accountComparison{comparison: c, account: account, wrong: map[bulk.Wrong]int64{}}
		if err := a.run(ctx, there[account], stored[account] != folded[account]); err != nil {
			return err
		}
	}
	c.cost.Tables++
	if c.fold {
		if err := c.engine.Fold(ctx, c.table.name); err != nil {
			return err
		}
	}
	for _, d := range c.found {
		if err := found(d); err != nil {
			return err
		}
	}
	return nil
}

// byAccount sums up the rows of every account.
func (c *comparison) byAccount(ctx context.Context, which, hash string) (map[bulk.AccountID]digest, error) {
	account, out := ident(c.table.key[0]), map[bulk.AccountID]digest{}
	c.cost.Questions++
	err := c.engine.Query(ctx, fmt.Sprintf("SELECT %s, toString(count()), toString(sum(%s)) FROM %s %s GROUP BY %s", account, hash, ident(c.table.name), which, account),
		func(row []any) (err error) {
			out[bulk.AccountID(fmt.Sprint(row[0]))], err = readDigest(row[1:])
			return err
		})
	return out, err
}

func readDigest(row []any) (d digest, err error) {
	if d.rows, err = strconv.ParseInt(fmt.Sprint(row[0]), 10, 64); err == nil {
		d.sum, err = strconv.ParseUint(fmt.Sprint(row[1]), 10, 64)
	}
	return d, err
}

// accountComparison is the work on the rows of one account in one table.
type accountComparison struct {
	*comparison
	account bulk.AccountID
	wrong   map[bulk.Wrong]int64
	differ  []keyRange
}

// part is a range with the digest of what the store has in it.
type part struct {
	keyRange
	digest
}

func (a *accountComparison) run(ctx context.Context, there digest, stale bool) error {
	parts, total, err := a.parts(ctx)
	if err != nil {
		return err
	}
	if stale && a.table.exact { // before anything is written twice here; logs are written again by design
		if err := a.findDuplicates(ctx, parts); err != nil {
			return err
		}
	}
	if total != there {
		for _, p := range parts {
			if err := a.compare(ctx, p); err != nil {
				return err
			}
		}
	}
	if err := a.flush(ctx); err != nil || len(a.wrong) == 0 {
		return err
	}
	repaired, err := a.repaired(ctx)
	if err != nil {
		return err
	}
	for _, what := range slices.Sorted(maps.Keys(a.wrong)) {
		a.found = append(a.found, bulk.Difference{Table: a.table.view, Account: a.account, What: what, Rows: a.wrong[what], Repaired: repaired})
	}
	return nil
}

// parts cuts the account's keys into ranges of so many rows of the store; together they
// cover every key.
func (a *accountComparison) parts(ctx context.Context) (out []part, total digest, err error) {
	now := part{}
	err = a.source.each(ctx, a.account, keyRange{}, func(row []any) error {
		hash := a.table.hash(row)
		total.add(hash)
		now.add(hash)
		if now.rows == rangeRows {
			now.upTo = a.table.keyOf(row)
			out = append(out, now)
			now = part{keyRange: keyRange{after: now.upTo}}
		}
		return nil
	})
	a.cost.Rows += total.rows
	return append(out, now), total, err
}

// ask is the digest of what analytics show in a range.
func (a *accountComparison) ask(ctx context.Context, s keyRange) (d digest, err error) {
	a.cost.Questions++
	err = a.engine.Query(ctx, fmt.Sprintf("SELECT toString(count()), toString(sum(%s)) FROM %s FINAL WHERE %s AND %s = 0",
		a.table.hashSQL(), ident(a.table.name), a.table.where(a.account, s), ident(colDeleted)), func(row []any) (err error) {
		d, err = readDigest(row)
		return err
	})
	return d, err
}

// hashedRow is a row of the store as far as bisecting needs it.
type hashedRow struct {
	key  []any
	hash uint64
}

func (a *accountComparison) compare(ctx context.Context, p part) error {
	there, err := a.ask(ctx, p.keyRange)
	if err != nil || there == p.digest {
		return err
	}
	a.differ = append(a.differ, p.keyRange)
	if there.rows == 0 {
		return a.repair(ctx, p.keyRange)
	}
	var rows []hashedRow
	if err := a.source.each(ctx, a.account, p.keyRange, func(row []any) error {
		rows = append(rows, hashedRow{a.table.keyOf(row), a.table.hash(row)})
		return nil
	}); err != nil {
		return err
	}
	return a.bisect(ctx, p.keyRange, there, rows)
}

// bisect looks for what differs in a range that does: one question tells about both halves.
func (a *accountComparison) bisect(ctx context.Context, s keyRange, there digest, rows []hashedRow) error {
	if len(rows) <= leafRows || there.rows == 0 {
		return a.repair(ctx, s)
	}
	left, right := rows[:len(rows)/2], rows[len(rows)/2:]
	middle := left[len(left)-1].key
	lower, upper := keyRange{s.after, middle}, keyRange{middle, s.upTo}
	first, err := a.ask(ctx, lower)
	if err != nil {
		return err
	}
	second := digest{there.rows - first.rows, there.sum - first.sum}
	if first != sumOf(left) {
		if err := a.bisect(ctx, lower, first, left); err != nil {
			return err
		}
	}
	if second != sumOf(right) {
		return a.bisect(ctx, upper, second, right)
	}
	return nil
}

func sumOf(rows []hashedRow) (d digest) {
	for _, r := range rows {
		d.add(r.hash)
	}
	return d
}

// repaired reports whether what differed is equal now.
func (a *accountComparison) repaired(ctx context.Context) (bool, error) {
	for _, s := range a.differ {
		there, err := a.ask(ctx, s)
		if err != nil {
			return false, err
		}
		want := digest{}
		if err := a.source.each(ctx, a.account, s, func(row []any) error {
			want.add(a.table.hash(row))
			return nil
		}); err != nil {
			return false, err
		}
		if there != want {
			return false, nil
		}
	}
	return true, nil
}

// findDuplicates counts rows that are stored more than once. Those that a retry doubled would
// fold by themselves some time.
func (a *accountComparison) findDuplicates(ctx context.Context, parts []part) error {
	doubled := int64(0)
	for _, p := range parts {
		a.cost.Questions++
		if err := a.engine.Query(ctx, fmt.Sprintf("SELECT toString(count() - uniqExact(%s, %s, %s)), '0' FROM %s WHERE %s",
			idents(append(slices.Clone(a.table.key), colVersion)), ident(colDeleted), a.table.hashSQL(), ident(a.table.name), a.table.where(a.account, p.keyRange)), func(row []any) error {
			d, err := readDigest(row)
			doubled += d.rows
			return err
		}); err != nil {
			return err
		}
	}
	if doubled > 0 {
		a.wrong[bulk.WrongDoubled], a.fold = doubled, true
	}
	return nil
}

// winner is the row of a key that counts.
type winner struct {
	key     []any
	version uint64
	deleted bool
	hash    uint64
}

// winners reads them in a range, by key, at most pageRows.
func (a *accountComparison) winners(ctx context.Context, s keyRange) (out []winner, err error) {
	columns, keys, order := a.table.keyColumns(), "", ident(a.table.key[0])
	for _, c := range columns {
		keys += "toString(" + ident(c.Name) + "), "
		order += ", " + ident(c.Name)
	}
	err = a.engine.Query(ctx, fmt.Sprintf("SELECT %stoString(%s), toString(%s), toString(%s) FROM %s FINAL WHERE %s ORDER BY %s LIMIT %d",
		keys, ident(colVersion), ident(colDeleted), a.table.hashSQL(), ident(a.table.name), a.table.where(a.account, s), order, pageRows), func(row []any) (err error) {
		w := winner{key: make([]any, len(columns))}
		for i, c := range columns {
			if w.key[i], err = readKey(c, fmt.Sprint(row[i])); err != nil {
				return err
			}
		}
		n := len(columns)
		if w.version, err = strconv.ParseUint(fmt.Sprint(row[n]), 10, 64); err == nil {
			w.deleted = fmt.Sprint(row[n+1]) != "0"
			w.hash, err = strconv.ParseUint(fmt.Sprint(row[n+2]), 10, 64)
		}
		out = append(out, w)
		return err
	})
	a.cost.Looked += int64(len(out))
	return out, err
}

// readKey makes of a key column as text what an insert takes.
func readKey(c Column, text string) (any, error) {
	if strings.HasPrefix(c.Kind, "Int") || strings.HasPrefix(c.Kind, "UInt") {
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err
	}
	return text, nil
}
