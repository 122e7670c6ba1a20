package store

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

// Records pages through an account's live records in key order. The limit is 1 to
// 10,000; a cursor that is not one of ours is a KindInvalid error.
func (s *Store) Records(ctx context.Context, account bulk.AccountID, name bulk.DatasetName, cursor string, limit int) (p bulk.RecordPage, err error) {
	d, err := s.Dataset(ctx, name)
	if err != nil {
		return p, err
	}
	for _, c := range d.Columns {
		p.Columns = append(p.Columns, c.Name)
	}
	query := fmt.Sprintf(`
		SELECT %s, t._op_seq, t._row_no, COALESCE(i.id, '') FROM %q t
		LEFT JOIN imports i ON i.dataset = ? AND i.op_seq = t._op_seq AND i.account_id = t._account_id
		WHERE t._account_id = ?`, prefixed(p.Columns), d.Table())
	args := []any{name, account}
	if cursor != "" {
		after, err := decodeCursor(cursor, len(d.Key))
		if err != nil {
			return p, err
		}
		query += fmt.Sprintf(` AND (%s) > %s`, prefixed(d.Key), tuples(1, len(d.Key)))
		args = append(args, after...)
	}
	query += fmt.Sprintf(` ORDER BY %s LIMIT %d`, prefixed(d.Key), limit+1)
	if err := s.own(ctx, "list records", account, func(q reader) error { return s.readRecords(ctx, q, &p, d.Spec, query, args) }); err != nil {
		return p, err
	}
	if len(p.Records) > limit {
		p.Records = p.Records[:limit]
		p.Next, err = encodeCursor(d.Spec, p.Records[limit-1])
	}
	return p, err
}

func (s *Store) readRecords(ctx context.Context, q reader, p *bulk.RecordPage, spec bulk.Spec, query string, args []any) error {
	rows, err := q.QueryxContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := len(spec.Columns)
	for rows.Next() {
		r := bulk.Record{Values: make([]bulk.Value, n)}
		dest := make([]any, 0, n+3)
		for i := range r.Values {
			dest = append(dest, &r.Values[i])
		}
		if err := rows.Scan(append(dest, &r.OpSeq, &r.Row, &r.Import)...); err != nil {
			return err
		}
		for i, c := range spec.Columns {
			r.Values[i] = s.engine.value(c.Type, r.Values[i])
		}
		p.Records = append(p.Records, r)
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

func encodeCursor(spec bulk.Spec, r bulk.Record) (string, error) {
	var key []any
	for _, k := range spec.Key {
		for i, c := range spec.Columns {
			if c.Name == k {
				key = append(key, r.Values[i])
			}
		}
	}
	b, err := json.Marshal(key)
	return base64.RawURLEncoding.EncodeToString(b), err
}

func decodeCursor(cursor string, want int) ([]any, error) {
	var key []any
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber() // an int64 key must not pass through a float
		err = d.Decode(&key)
	}
	if err != nil || len(key) != want {
		return nil, bulk.Errorf(bulk.KindInvalid, "bad_cursor", "The cursor is not one that this list gave out.")
	}
	for i, k := range key {
		switch v := k.(type) {
		case json.Number:
			if key[i], err = v.Int64(); err != nil {
				return nil, bulk.Errorf(bulk.KindInvalid, "bad_cursor", "The cursor is not one that this list gave out.")
			}
		case string, bool:
		default:
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_cursor", "The cursor is not one that this list gave out.")
		}
	}
	return key, nil
}
