package mirror

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/wait"
)

const (
	writeBytes  = 8 << 20 // of one insert, about
	purgeAtOnce = 100     // rows of one statement
	purgePause  = 100 * time.Millisecond
	purgeWithin = 10 * time.Minute
)

// purgeTarget are the rows of a key whose version is greater.
type purgeTarget struct {
	key   []any
	above uint64
}

// repair makes a range equal to the store, row by row.
//
// Analytics are read before the store: what only they have then is gone from the store, or
// was replaced by a greater version. Its tombstone outranks that row alone, so what arrives
// meanwhile is never outranked.
func (a *accountComparison) repair(ctx context.Context, s keyRange) error {
	for {
		page, err := a.winners(ctx, s)
		if err != nil {
			return err
		}
		now, last := s, len(page) < pageRows
		if !last {
			now.upTo = page[len(page)-1].key
		}
		if err := a.repairPage(ctx, now, page); err != nil || last {
			return err
		}
		s.after = now.upTo
	}
}

func (a *accountComparison) repairPage(ctx context.Context, s keyRange, page []winner) error {
	there := make(map[string]winner, len(page))
	for _, w := range page {
		there[keyText(w.key)] = w
	}
	var hidden []purgeTarget
	var rows [][]any
	err := a.source.each(ctx, a.account, s, func(row []any) error {
		key := a.table.keyOf(row)
		w, exists := there[keyText(key)]
		delete(there, keyText(key))
		version := row[len(row)-2].(uint64)
		switch {
		case !exists || w.deleted:
			a.wrong[bulk.WrongMissing]++
		case w.hash != a.table.hash(row):
			a.wrong[bulk.WrongChanged]++
			a.fold = a.fold || w.version == version // of equals the last one counts, until they are one
		default:
			return nil
		}
		if w.version > version { // no import wrote that, and it would stay on top
			hidden = append(hidden, purgeTarget{key, version})
			a.fold = true // the row itself may be there below
		}
		rows = append(rows, row)
		if len(rows) < pageRows {
			return nil
		}
		some := rows
		rows = nil
		return a.replace(ctx, &hidden, some)
	})
	if err != nil {
		return err
	}
	for _, w := range there {
		if w.deleted {
			continue
		}
		a.wrong[bulk.WrongForeign]++
		if !a.table.exact || w.version > a.newest { // a tombstone would outrank what is to come
			hidden = append(hidden, purgeTarget{w.key, w.version - 1})
			continue
		}
		rows = append(rows, a.tombstone(w))
	}
	return a.replace(ctx, &hidden, rows)
}

// replace takes rows away for good and adds others.
func (a *accountComparison) replace(ctx context.Context, gone *[]purgeTarget, rows [][]any) error {
	for some := range slices.Chunk(*gone, purgeAtOnce) {
		if err := a.purge(ctx, some); err != nil {
			return err
		}
	}
	*gone = nil
	for _, row := range rows {
		if err := a.write(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// tombstone is a row that outranks another one alone.
func (a *accountComparison) tombstone(w winner) []any {
	row := make([]any, len(a.table.columns))
	for i, c := range a.table.columns {
		switch k := slices.Index(a.table.key, c.Name); {
		case k == 0:
			row[i] = string(a.account)
		case k > 0:
			row[i] = w.key[k-1]
		case c.Name == colVersion:
			row[i] = w.version | 1
		case c.Name == colDeleted:
			row[i] = true
		case c.Kind == "String":
			row[i] = ""
		case !strings.HasPrefix(c.Kind, "Nullable"):
			row[i] = int64(0)
		}
		if n, whole := row[i].(int64); whole && c.Kind == "UInt8" {
			row[i] = n != 0
		}
	}
	return row
}

func (a *accountComparison) write(ctx context.Context, row []any) error {
	a.pending = append(a.pending, row)
	for _, v := range row {
		a.bytes += 16
		if s, ok := v.(string); ok {
			a.bytes += len(s)
		}
	}
	if a.bytes < writeBytes {
		return nil
	}
	return a.flush(ctx)
}

func (a *accountComparison) flush(ctx context.Context) error {
	err := insertRows(ctx, a.engine, a.table, a.pending)
	a.cost.Written += int64(len(a.pending))
	a.pending, a.bytes = nil, 0
	return err
}

// purge removes rows that nothing can outrank, and waits until they are gone.
func (a *accountComparison) purge(ctx context.Context, rows []purgeTarget) error {
	conditions := make([]string, len(rows))
	columns := a.table.keyColumns()
	for i, r := range rows {
		is := fmt.Sprintf("%s > %d", ident(colVersion), r.above)
		if r.above == math.MaxUint64 { // below zero
			is = "1"
		}
		for j, c := range columns {
			is += fmt.Sprintf(" AND %s = %s", ident(c.Name), valueSQL(r.key[j]))
		}
		conditions[i] = "(" + is + ")"
	}
	if err := a.engine.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DELETE WHERE %s = %s AND (%s)",
		ident(a.table.name), ident(a.table.key[0]), literal(string(a.account)), strings.Join(conditions, " OR "))); err != nil {
		return err
	}
	a.cost.Written += int64(len(rows))
	return a.awaitMutations(ctx)
}

func (a *accountComparison) awaitMutations(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, purgeWithin)
	defer cancel()
	for left := "1"; left != "0"; {
		_ = wait.For(ctx, purgePause)
		if err := a.engine.Query(ctx, "SELECT toString(count()) FROM system.mutations WHERE database = currentDatabase() AND is_done = 0 AND table = "+literal(a.table.name), func(row []any) error {
			left = fmt.Sprint(row[0])
			return nil
		}); err != nil {
			return fmt.Errorf("wait for rows of %s to be removed: %w", a.table.name, err)
		}
	}
	return nil
}
