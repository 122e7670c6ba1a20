package mirror

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-faster/city"

	"bulkhead/internal/bulk"
)

// A row's hash is ClickHouse's cityHash64 of the text of its cells, which old and new
// servers compute alike, and so does Go:
//
//	cell   "~" for NULL; texts and floats: length ":" bytes; numbers and times: digits ","
//	float  the eight bytes of its IEEE 754 form, little endian, without the zeros at the end
//	time   microseconds since 1970, or seconds where the engine has no more
//
// A range of rows has a digest: their count, and the sum of their hashes modulo 2⁶⁴.
type digest struct {
	rows int64
	sum  uint64
}

func (d *digest) add(hash uint64) {
	d.rows++
	d.sum += hash
}

// hashed are the columns of the table that a hash covers: all that a view shows, and the
// version where it follows from the row.
func (t table) hashed(c Column) bool {
	return c.Name != colDeleted && (t.exact || c.Name != colVersion)
}

// hash is the hash of a row as it is inserted.
func (t table) hash(row []any) uint64 {
	var b []byte
	for i, c := range t.columns {
		if t.hashed(c) {
			b = appendCell(b, c.Kind, row[i])
		}
	}
	return city.CH64(b)
}

func appendCell(b []byte, kind string, v any) []byte {
	switch v := v.(type) {
	case string:
		b = append(strconv.AppendInt(b, int64(len(v)), 10), ':')
		return append(b, v...)
	case float64:
		bits := bytes.TrimRight(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)), "\x00")
		b = append(strconv.AppendInt(b, int64(len(bits)), 10), ':')
		return append(b, bits...)
	case int64:
		b = strconv.AppendInt(b, v, 10)
	case uint64:
		b = strconv.AppendUint(b, v, 10)
	case bool:
		b = append(b, '0')
		if v {
			b[len(b)-1] = '1'
		}
	case time.Time:
		units := v.Unix()
		if strings.Contains(kind, moment) {
			units = v.UnixMicro()
		}
		b = strconv.AppendInt(b, units, 10)
	default:
		return append(b, '~')
	}
	return append(b, ',')
}

// hashSQL computes the same in the engine.
func (t table) hashSQL() string {
	const group = 64 // engines bound how many arguments a call has
	var groups, cells []string
	flush := func() {
		if len(cells) > 0 {
			groups = append(groups, "concat("+strings.Join(append(cells, "''"), ",")+")")
			cells = nil
		}
	}
	for _, c := range t.columns {
		if !t.hashed(c) {
			continue
		}
		if cells = append(cells, cellSQL(c)); len(cells) == group {
			flush()
		}
	}
	flush()
	return "cityHash64(concat(" + strings.Join(append(groups, "''"), ",") + "))"
}

// cellSQL is kept short: engines bound the length of a query, and a dataset may have
// 1,024 columns.
func cellSQL(c Column) string {
	n, kind := ident(c.Name), strings.TrimSuffix(strings.TrimPrefix(c.Kind, "Nullable("), ")")
	text := fmt.Sprintf("toString(%s),','", n)
	switch {
	case kind == "String":
		text = fmt.Sprintf("toString(length(%s)),':',%s", n, n)
	case kind == "Float64":
		text = fmt.Sprintf("toString(length(reinterpretAsString(%s))),':',reinterpretAsString(%s)", n, n)
	case strings.HasPrefix(kind, "DateTime64"):
		text = fmt.Sprintf("toString(toUnixTimestamp64Micro(%s)),','", n)
	case strings.HasPrefix(kind, "DateTime"):
		text = fmt.Sprintf("toString(toUInt32(%s)),','", n)
	}
	if kind == c.Kind {
		return text
	}
	return "ifNull(concat(" + text + "),'~')"
}

// keyColumns are the key's columns, the account left out.
func (t table) keyColumns() []Column {
	out := make([]Column, 0, len(t.key)-1)
	for _, k := range t.key[1:] {
		out = append(out, t.columns[slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == k })])
	}
	return out
}

// keyOf is a row's key without its account.
func (t table) keyOf(row []any) []any {
	out := make([]any, 0, len(t.key)-1)
	for _, k := range t.key[1:] {
		out = append(out, row[slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == k })])
	}
	return out
}

// keyRange is a range of an account's keys: after one, up to another, nil for no bound.
type keyRange struct{ after, upTo []any }

// where renders the condition that a row is the account's and in the range, in a form for
// which both engines use the index.
func (t table) where(account bulk.AccountID, s keyRange) string {
	out := ident(t.key[0]) + " = " + literal(string(account))
	columns := t.keyColumns()
	if len(s.after) > 0 {
		out += " AND (" + beyond(columns, s.after, ">", ">") + ")"
	}
	if len(s.upTo) > 0 {
		out += " AND (" + beyond(columns, s.upTo, "<", "<=") + ")"
	}
	return out
}

// beyond compares keys column by column, the last one with an operator of its own.
func beyond(columns []Column, key []any, is, last string) string {
	name, value := ident(columns[0].Name), valueSQL(key[0])
	if len(columns) == 1 {
		return name + " " + last + " " + value
	}
	return fmt.Sprintf("%s %s %s OR (%s = %s AND (%s))", name, is, value, name, value, beyond(columns[1:], key[1:], is, last))
}

// valueSQL renders a value of a key.
func valueSQL(v any) string {
	switch v := v.(type) {
	case string:
		return literal(v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	default:
		return fmt.Sprintf("toInt64('%d')", v)
	}
}

// keyText tells keys apart.
func keyText(key []any) string {
	var b []byte
	for _, v := range key {
		b = appendCell(b, "", v)
	}
	return string(b)
}
