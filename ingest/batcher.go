package ingest

import (
	"errors"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"bulkhead/columnar"
	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// batcher cuts a scanner's records into batches. A full batch is closed only when
// another record follows, so that the last one can reach to the end of the file.
type batcher struct {
	scan  *csvscan.Scanner
	build *columnar.Builder
	rows  int           // bounds of a batch
	bytes int           // likewise
	last  bulk.Boundary // where the batch being built begins
	at    bulk.Boundary // behind the last record taken
	blank int64         // blank lines before the scanner began
	// closed takes a batch between two boundaries, nil for none; final says that the
	// file ends there. The record is its to release.
	closed func(rec arrow.Record, from, to bulk.Boundary, final bool) error
}

// errHeaderCut says that a reader ended inside the header.
var errHeaderCut = errors.New("the header is not complete")

// newBatcher goes on at an upload's boundary. At the beginning of a file it reads the
// header, and returns the layout that follows from it; else it returns the known one.
func (u *Uploads) newBatcher(up *bulk.Upload, r io.Reader, d bulk.Dialect, partial bool) (*batcher, *bulk.Layout, error) {
	b := &batcher{rows: u.BatchRows, bytes: u.BatchBytes, last: up.Boundary, at: up.Boundary, blank: up.Boundary.Blank}
	if layout := up.Import.Layout; up.Boundary.Offset > 0 && layout != nil {
		b.scan = csvscan.New(r, u.scanConfig(d, up.Boundary, len(layout.Header), partial))
		b.build = columnar.NewBuilder(layout.Header)
		return b, layout, nil
	}
	b.scan = csvscan.New(r, u.scanConfig(d, up.Boundary, 0, partial))
	first, err := b.scan.Next()
	switch {
	case errors.Is(err, csvscan.ErrMore):
		return nil, nil, errHeaderCut
	case errors.Is(err, io.EOF):
		return nil, nil, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file holds nothing but blank lines. Choose one with a header and rows.")
	case err != nil:
		return nil, nil, err
	}
	layout, err := u.layOut(up, first, d)
	if err != nil {
		return nil, nil, err
	}
	b.scan.SetColumns(len(layout.Header))
	b.build = columnar.NewBuilder(layout.Header)
	b.reach()
	if d.NoHeader {
		b.take(first)
	}
	return b, layout, nil
}

func (u *Uploads) scanConfig(d bulk.Dialect, at bulk.Boundary, columns int, partial bool) csvscan.Config {
	return csvscan.Config{
		Dialect: d, Columns: columns, MaxRecord: u.Limits.RecordBytes, MaxField: u.Limits.FieldBytes, MaxColumns: u.Limits.Columns,
		Offset: at.Offset, Line: at.Line, Partial: partial,
	}
}

func (u *Uploads) layOut(up *bulk.Upload, first *csvscan.Record, d bulk.Dialect) (*bulk.Layout, error) {
	if first.End > int64(u.TailBytes) {
		return nil, headerTooFar(u.TailBytes)
	}
	header, err := csvscan.Header(first, d, u.Limits)
	if err != nil {
		return nil, err
	}
	fields, err := bulk.MapColumns(header, &up.Spec, up.Import.Options.Mapping)
	if err != nil {
		return nil, err
	}
	return &bulk.Layout{Dialect: d, Header: header, Fields: fields}, nil
}

// run takes records until the scanner ends and returns why it did.
func (b *batcher) run() error {
	for {
		rec, err := b.scan.Next()
		if err != nil {
			b.reach()
			return err
		}
		if b.full() {
			if err := b.close(false); err != nil {
				return err
			}
		}
		b.take(rec)
	}
}

func (b *batcher) full() bool {
	return b.build.Rows() >= b.rows || b.build.Bytes() >= b.bytes || b.at.Offset-b.last.Offset >= int64(b.bytes)
}

func (b *batcher) take(rec *csvscan.Record) {
	b.at.Row++
	if rec.Code != "" {
		b.build.AppendReject(columnar.Reject{Row: b.at.Row, Line: rec.Line, Offset: rec.Offset, Code: rec.Code, Detail: rec.Detail, Raw: rec.Raw})
	} else {
		b.build.Append(b.at.Row, rec.Line, rec.Offset, rec.Cells)
	}
	b.reach()
}

// reach moves the position to the scanner's.
func (b *batcher) reach() {
	b.at.Offset, b.at.Line, b.at.Blank = b.scan.Offset(), b.scan.Line(), b.blank+b.scan.Blank()
}

// close hands over the batch as far as it is.
func (b *batcher) close(final bool) error {
	from := b.last
	b.at.BatchNo++
	b.last = b.at
	return b.closed(b.build.Finish(), from, b.at, final)
}

// end closes the last batch, which has no row if only blank lines followed the one
// before it. A file of a header alone has no batch.
func (b *batcher) end() error {
	if b.build.Rows() == 0 && (b.at.Offset == b.last.Offset || b.last.BatchNo == 0) {
		return b.closed(nil, b.last, b.at, true)
	}
	return b.close(true)
}

// rescan goes on with another scanner, which begins where the position is.
func (b *batcher) rescan(r io.Reader, c csvscan.Config) {
	b.blank = b.at.Blank
	b.scan = csvscan.New(r, c)
}
