package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// previewRows is how many rows a preview shows; more of the sample are looked at to
// guess the types.
const previewRows = 20

// Preview reads a file's first bytes as an import would. Why a file would be refused is
// the preview's Problem and no error. It waits for a permit as uploads of the principal's
// account do, and is refused like them when memory is short.
func (u *Uploads) Preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error) {
	who, _ := u.Principal(ctx)
	_, leave, err := u.admit(ctx, workPreview, who.Account, u.previewBytes(csvscan.Magic(sample.Bytes) != ""))
	if err != nil {
		return bulk.Preview{}, err
	}
	defer leave()
	permit := u.permits.Of(who.Account)
	permit.Acquire()
	defer permit.Release()
	return u.preview(ctx, sample)
}

func (u *Uploads) preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error) {
	p := bulk.Preview{Truncated: !sample.Whole, Header: []string{}, Columns: []bulk.PreviewColumn{}, Rows: [][]string{}, Rejects: []bulk.PreviewReject{}, Unmapped: []string{}, Missing: []string{}}
	rows, err := u.sample(&p, sample)
	refusal, refused := errors.AsType[*bulk.Error](err)
	switch {
	case refused:
		p.Problem = refusal
	case err != nil:
		return p, err
	}
	if u.Infer != nil && len(p.Header) > 0 {
		p.Columns = u.Infer(p.Header, rows, sample.Spec)
	}
	if sample.Spec != nil {
		fields := make([]string, len(p.Columns))
		for i := range p.Columns {
			fields[i] = p.Columns[i].Field
		}
		p.Unmapped, p.Missing = sample.Spec.Unfed(fields)
	}
	return p, ctx.Err()
}

// sample reads the sample's records into the preview and returns its good rows.
func (u *Uploads) sample(p *bulk.Preview, sample bulk.Sample) ([][]string, error) {
	compression := csvscan.Magic(sample.Bytes)
	text, err := u.expandSample(sample.Bytes, compression, sample.Whole)
	if err != nil {
		return nil, err
	}
	whole := sample.Whole && len(text) <= u.Limits.PreviewBytes
	text = text[:min(len(text), u.Limits.PreviewBytes)]
	p.Truncated = !whole
	p.Dialect, err = csvscan.Sniff(text, whole, sample.Choice)
	p.Dialect.Compression = compression
	if err != nil {
		return nil, err
	}
	scan := csvscan.New(csvscan.Decode(bytes.NewReader(text), p.Dialect), u.scanConfig(p.Dialect, bulk.Boundary{}, 0, !whole))
	first, err := scan.Next()
	if err != nil {
		return nil, unlessEnd(err)
	}
	if p.Header, err = csvscan.Header(first, p.Dialect, u.Limits); err != nil {
		return nil, err
	}
	scan.SetColumns(len(p.Header))
	var rows [][]string
	if p.Dialect.NoHeader {
		rows = showRow(p, rows, first)
	}
	for {
		rec, err := scan.Next()
		if err != nil {
			return rows, unlessEnd(err)
		}
		rows = showRow(p, rows, rec)
	}
}

// showRow adds a record to the preview, and to rows when it is a good one.
func showRow(p *bulk.Preview, rows [][]string, rec *csvscan.Record) [][]string {
	if rec.Code != "" {
		if len(p.Rejects) < previewRows {
			p.Rejects = append(p.Rejects, bulk.PreviewReject{Line: rec.Line, Code: rec.Code, Message: rec.Detail})
		}
		return rows
	}
	row := make([]string, len(rec.Cells))
	for i, cell := range rec.Cells {
		row[i] = string(cell)
	}
	if len(p.Rows) < previewRows {
		p.Rows = append(p.Rows, row)
	}
	return append(rows, row)
}

// unlessEnd drops the errors that only end a sample.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, csvscan.ErrMore) {
		return nil
	}
	return err
}

// expandSample decompresses as much as a preview needs of a file's beginning.
func (u *Uploads) expandSample(sample []byte, compression string, whole bool) ([]byte, error) {
	if compression == "" {
		return sample, nil
	}
	x, err := newExpander(bytes.NewReader(sample), compression, u.Limits.ExpansionRatio)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	text, err := io.ReadAll(io.LimitReader(x, int64(u.Limits.PreviewBytes)+1))
	if !whole && bulk.CodeOf(err) == bulk.ErrTruncatedArchive {
		err = nil
	}
	return text, err
}
