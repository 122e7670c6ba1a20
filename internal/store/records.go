package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// Records pages through an account's live records in key order. A page ends at the
// limit, 1 to 10,000, or at its bytes; a cursor that is not one of ours is a
// KindInvalid error.
func (s *Store) Records(ctx context.Context, account bulk.AccountID, page bulk.RecordQuery) (p bulk.RecordPage, err error) {
	d, err := s.Dataset(ctx, page.Dataset)
	if err != nil {
		return p, err
	}
	p.Columns = columnNames(d.Spec)
	var after []any
	if page.Cursor != "" {
		if after, err = decodeCursor(page.Cursor, d.Spec); err != nil {
			return p, err
		}
	}
	more := false
	if err := s.asAccount(ctx, "list records", account, func(q reader) error {
		in := bulk.RecordRange{Account: account, Spec: d.Spec, After: after, Limit: page.Limit}
		more, err = s.fillPage(ctx, q, pageRange{in, cmp.Or(page.Bytes, bulk.PageBytes)}, &p)
		return err
	}); err != nil || !more {
		return p, err
	}
	p.Next, err = encodeCursor(d.Spec, p.Records[len(p.Records)-1])
	return p, err
}

// recordsAtOnce is how many records one query asks for: what a page does not take of
// them, a database sends all the same.
const recordsAtOnce = 100

// pageRange is what a page of records has of them: it ends at so many bytes.
type pageRange struct {
	bulk.RecordRange
	bytes int
}

// fillPage reads records until the page is full, and reports whether more follow.
func (s *Store) fillPage(ctx context.Context, q reader, in pageRange, p *bulk.RecordPage) (more bool, err error) {
	limit := in.Limit
	for bytes := 0; ; {
		had, ask := len(p.Records), min(recordsAtOnce, limit+1-len(p.Records))
		in.Limit = ask
		err := s.readRecords(ctx, q, selectRecords(in.RecordRange), func(r bulk.Record) bool {
			if more = len(p.Records) == limit || bytes >= in.bytes; more {
				return false
			}
			bytes += r.Bytes()
			p.Records = append(p.Records, r)
			return true
		})
		if err != nil || more || len(p.Records)-had < ask {
			return more, err
		}
		in.After = keyOf(in.Spec, p.Records[len(p.Records)-1])
	}
}

// recordQuery selects records of a spec: its columns, op_seq, row and import.
type recordQuery struct {
	spec  bulk.Spec
	query string
	args  []any
}

// selectRecords reads records in key order; the upper bound is not for it.
func selectRecords(in bulk.RecordRange) recordQuery {
	query := fmt.Sprintf(`
		SELECT %s, t._op_seq, t._row_no, COALESCE(i.id, '') FROM %q t
		LEFT JOIN imports i ON i.dataset = ? AND i.op_seq = t._op_seq AND i.account_id = t._account_id
		WHERE t._account_id = ?`, prefixed(columnNames(in.Spec)), in.Spec.Table())
	args := []any{in.Spec.Name, in.Account}
	if in.After != nil {
		query += fmt.Sprintf(` AND (%s) > %s`, prefixed(in.Spec.Key), tuples(1, len(in.Spec.Key)))
		args = append(args, in.After...)
	}
	return recordQuery{in.Spec, query + fmt.Sprintf(` ORDER BY %s LIMIT %d`, prefixed(in.Spec.Key), in.Limit), args}
}

func columnNames(spec bulk.Spec) (names []string) {
	for _, c := range spec.Columns {
		names = append(names, c.Name)
	}
	return names
}

// readRecords calls each with every record of the query, until it says false.
func (s *Store) readRecords(ctx context.Context, q reader, rq recordQuery, each func(bulk.Record) bool) error {
	rows, err := q.QueryxContext(ctx, rq.query, rq.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := len(rq.spec.Columns)
	for rows.Next() {
		r := bulk.Record{Values: make([]bulk.Value, n)}
		dest := make([]any, 0, n+3)
		for i := range r.Values {
			dest = append(dest, &r.Values[i])
		}
		if err := rows.Scan(append(dest, &r.OpSeq, &r.Row, &r.Import)...); err != nil {
			return err
		}
		for i, c := range rq.spec.Columns {
			r.Values[i] = s.engine.value(c.Type, r.Values[i])
		}
		if !each(r) {
			return nil
		}
	}
	return rows.Err()
}

func prefixed(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = fmt.Sprintf(`t.%q`, c)
	}
	return strings.Join(out, ", ")
}

// keyOf returns the values of a record's key.
func keyOf(spec bulk.Spec, r bulk.Record) (key []any) {
	for _, k := range spec.Key {
		for i, c := range spec.Columns {
			if c.Name == k {
				key = append(key, r.Values[i])
			}
		}
	}
	return key
}

func encodeCursor(spec bulk.Spec, r bulk.Record) (string, error) {
	b, err := json.Marshal(keyOf(spec, r))
	return base64.RawURLEncoding.EncodeToString(b), err
}

// decodeCursor reads the key after which a page begins. Whatever no record's key can be is
// refused here: engines would compare it in their own ways, or fail.
func decodeCursor(cursor string, spec bulk.Spec) ([]any, error) {
	var key []any
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber() // an int64 key must not pass through a float
		err = d.Decode(&key)
	}
	good := err == nil && len(key) == len(spec.Key)
	for i := 0; good && i < len(key); i++ {
		key[i], good = keyValue(spec.Column(spec.Key[i]).Type, key[i])
	}
	if !good {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_cursor", "The cursor is not one that this list gave out. Begin without one.")
	}
	return key, nil
}

// canonicalDecimal is what validation makes of decimals, but for their number of digits.
var canonicalDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?$`)

// keyValue returns a JSON value as a key column of the type has it; false if none does.
func keyValue(t bulk.Type, v any) (any, bool) {
	text, isText := v.(string)
	var err error
	switch t {
	case bulk.TypeInteger:
		n, ok := v.(json.Number)
		if !ok {
			return nil, false
		}
		v, err = n.Int64()
		return v, err == nil
	case bulk.TypeBoolean:
		_, ok := v.(bool)
		return v, ok
	case bulk.TypeDecimal:
		return v, isText && len(text) <= 40 && canonicalDecimal.MatchString(text)
	case bulk.TypeDate:
		_, err = time.Parse(time.DateOnly, text)
		return v, err == nil && text >= "0001"
	case bulk.TypeTimestamp:
		_, err = time.Parse(timestampForm, text)
		return v, err == nil && text >= "0001"
	}
	return v, isText && !strings.ContainsRune(text, 0)
}
