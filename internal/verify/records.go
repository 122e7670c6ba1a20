package verify

import (
	"bytes"
	"encoding/json"
	"fmt"

	"bulkhead/internal/bulk"
)

// origin is where a record came from.
type origin struct {
	Import bulk.ImportID `json:"_import_id"`
	Row    int64         `json:"_row"`
	OpSeq  int64         `json:"_op_seq"`
}

// compareRecords goes through the store's records and strikes off the claims that
// they meet; what is left then must have a reason.
func (v *verification) compareRecords() error {
	c := comparison{verification: v, foreign: map[hash]origin{}}
	for _, name := range v.spec.Key {
		c.keyColumns = append(c.keyColumns, *v.spec.Column(name))
	}
	if err := v.server.Records(v.ctx, v.imp.Dataset, c.record); err != nil {
		return fmt.Errorf("read the records: %w", err)
	}
	for key, claim := range v.keys {
		c.unmet(key, claim)
	}
	return nil
}

type comparison struct {
	*verification
	keyColumns []bulk.Column
	foreign    map[hash]origin // claimed keys that another import's record holds
}

func (c *comparison) record(object []byte) error {
	var from origin
	var fields map[string]bulk.Value
	if err := json.Unmarshal(object, &from); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.UseNumber()
	if err := dec.Decode(&fields); err != nil {
		return err
	}
	key, err := c.hasher.row(c.keyColumns, pick(fields, c.keyColumns))
	if err != nil {
		return err
	}
	claim, claimed := c.keys[key]
	name := fmt.Sprint(pick(fields, c.keyColumns)...)
	switch {
	case from.Import == c.imp.ID && !claimed:
		c.report.differ("key %s: the store has row %d of this import, but no valid row of the source has this key", name, from.Row)
	case from.Import == c.imp.ID:
		delete(c.keys, key)
		return c.compare(name, claim, from, fields)
	case claimed:
		c.foreign[key] = from
	}
	return nil
}

// compare holds a record of this import against the row that must have won.
func (c *comparison) compare(name string, want claim, got origin, fields map[string]bulk.Value) error {
	values, err := c.hasher.row(c.columns, pick(fields, c.columns))
	if err != nil {
		return fmt.Errorf("record with key %s: %w", name, err)
	}
	c.report.Compared++
	switch {
	case got.Row != want.row:
		c.report.differ("key %s: the store has row %d, the source says that row %d wins", name, got.Row, want.row)
	case values != want.values:
		c.report.differ("key %s: the store's values are not those of row %d", name, got.Row)
	}
	return nil
}

// unmet judges a key of the source that no record of this import has.
func (c *comparison) unmet(key hash, want claim) {
	holder, held := c.foreign[key]
	switch {
	case want.why == duplicate && want.row == 0 && !held:
		c.report.differ("row with key %016x: refused as duplicate_key, but no other import's record has its key", key)
	case want.why != accepted:
	case held && c.later(holder):
		c.report.Changed++
	case held:
		c.report.differ("row %d: its record still has the values of row %d of the earlier import %s", want.row, holder.Row, holder.Import)
	default:
		c.report.differ("row %d: its record is missing", want.row)
	}
}

// later reports whether a record was written by an import that came after this one.
func (c *comparison) later(o origin) bool { return o.OpSeq > c.imp.OpSeq }

func pick(fields map[string]bulk.Value, columns []bulk.Column) []bulk.Value {
	values := make([]bulk.Value, len(columns))
	for i, c := range columns {
		values[i] = fields[c.Name]
	}
	return values
}
