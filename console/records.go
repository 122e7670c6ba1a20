package console

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"bulkhead/internal/bulk"
)

// listRecords pages through the account's live records, in key order. As JSON the page
// is one object; as NDJSON (by the Accept header) it is a record a line, and the cursor
// of the next page is in the Next-Cursor header.
func (s *Server) listRecords(w http.ResponseWriter, r *http.Request) error {
	limit, err := queryInt(r, "limit", bounds{100, 1, 10_000})
	if err != nil {
		return err
	}
	page, err := s.recordPage(r.Context(), s.principal(r).Account, bulk.RecordQuery{Dataset: bulk.DatasetName(r.PathValue("name")), Cursor: r.URL.Query().Get("cursor"), Limit: int(limit)})
	if err != nil {
		return fmt.Errorf("list records: %w", err)
	}
	w.Header().Add("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "application/x-ndjson") {
		if page.Next != "" {
			w.Header().Set("Next-Cursor", page.Next)
		}
		return s.stream(w, r, "application/x-ndjson", func(out io.Writer) error { return writeRecords(out, page, "", "\n") })
	}
	return s.stream(w, r, "application/json", func(out io.Writer) error {
		columns, err := json.Marshal(orEmpty(page.Columns))
		if err != nil {
			return err
		}
		next, err := json.Marshal(page.Next)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, `{"columns":%s,"next_cursor":%s,"records":[`, columns, next); err != nil {
			return err
		}
		if err := writeRecords(out, page, ",", ""); err != nil {
			return err
		}
		_, err = io.WriteString(out, "]}\n")
		return err
	})
}

// recordsAtOnce is how many records are read before others may: some milliseconds of them.
// With one more, which tells whether others follow, it is three queries of the store.
const recordsAtOnce = 299

// recordPage collects a page of records, some at a time. It ends early where a column
// came to the dataset meanwhile.
func (s *Server) recordPage(ctx context.Context, account bulk.AccountID, q bulk.RecordQuery) (page bulk.RecordPage, err error) {
	limit := q.Limit
	for q.Bytes = bulk.PageBytes; ; {
		q.Limit = min(recordsAtOnce, limit-len(page.Records))
		part, err := s.Datasets.Records(ctx, account, q)
		if err != nil || len(page.Records) > 0 && len(part.Columns) != len(page.Columns) {
			return page, err
		}
		page.Columns, page.Records, page.Next = part.Columns, append(page.Records, part.Records...), part.Next
		for _, r := range part.Records {
			q.Bytes -= r.Bytes()
		}
		if page.Next == "" || len(page.Records) >= limit || q.Bytes <= 0 {
			return page, nil
		}
		q.Cursor = part.Next
		permitOf(ctx).Pause(readPause)
	}
}

// writeRecords writes every record as an object: its columns in the dataset's order, then
// where it came from.
func writeRecords(out io.Writer, page bulk.RecordPage, between, after string) error {
	names := make([][]byte, len(page.Columns))
	for i, c := range page.Columns {
		name, err := json.Marshal(c)
		if err != nil {
			return err
		}
		names[i] = append(name, ':')
	}
	var line []byte
	for i, rec := range page.Records {
		line = line[:0]
		if i > 0 {
			line = append(line, between...)
		}
		line = append(line, '{')
		for j, name := range names {
			value, err := json.Marshal(rec.Values[j])
			if err != nil {
				return fmt.Errorf("column %s: %w", name, err)
			}
			line = append(append(append(line, name...), value...), ',')
		}
		line = fmt.Appendf(line, `"_import_id":%q,"_row":%d,"_op_seq":%d}%s`, rec.Import, rec.Row, rec.OpSeq, after)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return nil
}
