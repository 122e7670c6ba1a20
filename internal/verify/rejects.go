package verify

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// tally sums up rejects in any order: how many of each code, and a sum that
// depends on every (row, code).
type tally struct {
	byCode map[bulk.Code]int64
	sum    uint64
}

func (t *tally) add(h *hasher, row int64, code bulk.Code) {
	if t.byCode == nil {
		t.byCode = map[bulk.Code]int64{}
	}
	t.byCode[code]++
	t.sum += h.reject(row, code)
}

// learnRejects reads the export: which valid rows the store refused, and which rows
// the importer found invalid.
func (v *verification) learnRejects() error {
	v.report.Refused = map[bulk.Code]int64{}
	body, err := v.server.Rejects(v.ctx, v.imp.ID)
	if err != nil {
		return fmt.Errorf("read rejects.csv: %w", err)
	}
	defer body.Close()
	dialect := v.imp.Layout.Dialect
	dialect.Rejects, dialect.SepLine = false, false // read as a plain file, so that the added columns are seen
	rows := csvscan.New(body, csvscan.Config{Dialect: dialect, MaxRecord: 8 << 20, MaxField: 8 << 20, MaxColumns: bulk.MaxColumns + len(bulk.RejectColumns)})
	for header := true; ; header = false {
		r, err := rows.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read rejects.csv: %w", err)
		}
		if header {
			continue
		}
		if err := v.learn(r, byte(dialect.Delimiter)); err != nil {
			return err
		}
	}
}

func (v *verification) learn(r *csvscan.Record, delimiter byte) error {
	cells := r.Cells
	if cells == nil { // as the original, it cannot be split; the added cells hold no delimiter
		cells = bytes.Split(r.Raw, []byte{delimiter})
	}
	n := len(cells) - len(bulk.RejectColumns)
	if n < 0 {
		return fmt.Errorf("rejects.csv, line %d: found %d cells, which is too few", r.Line, len(cells))
	}
	row, err := strconv.ParseInt(string(cells[n+1]), 10, 64)
	code := bulk.Code(cells[n+2])
	if err != nil || !code.Valid() {
		return fmt.Errorf("rejects.csv, line %d: row %q and code %q are not what an export writes", r.Line, cells[n+1], code)
	}
	if refusals[code] != accepted {
		v.refused[row] = code
		v.report.Refused[code]++
		return nil
	}
	v.exported.add(v.hasher, row, code)
	return nil
}

// compareRejects holds the export against the rows that break a rule.
func (v *verification) compareRejects(found tally) {
	for code := range union(found.byCode, v.exported.byCode) {
		if found.byCode[code] != v.exported.byCode[code] {
			v.report.differ("rejects with code %s: rejects.csv has %d, the source %d", code, v.exported.byCode[code], found.byCode[code])
		}
	}
	if found.sum != v.exported.sum {
		v.report.differ("rejects.csv names other rows or codes than those that break a rule in the source")
	}
}

func union(a, b map[bulk.Code]int64) map[bulk.Code]bool {
	codes := map[bulk.Code]bool{}
	for c := range a {
		codes[c] = true
	}
	for c := range b {
		codes[c] = true
	}
	return codes
}
