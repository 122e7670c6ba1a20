// Package csvfile opens a local CSV file the way an import would: it recognises
// compression, encoding and dialect from the first bytes and reads its records.
//
// The commands that look at files and the verification of imports share it, so
// that what `bulkhead csv sniff` shows is what an import takes. Memory is bounded
// by the record limit; decompression is not capped, the file being the user's own.
package csvfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// File is an opened CSV file. It is not safe for concurrent use.
type File struct {
	Dialect bulk.Dialect
	scan    *csvscan.Scanner
	first   *csvscan.Record // data that ReadHeader read, until Next returned it
	close   func()
}

// Open finds out how the file is read; what choice names is taken instead. Files
// that an import would refuse are the same *bulk.Error. Close must be called.
func Open(r io.Reader, choice bulk.DialectChoice) (*File, error) {
	limits := bulk.DefaultLimits()
	in, compression, stop, err := Unpack(r)
	if err != nil {
		return nil, err
	}
	sample, err := in.Peek(limits.PreviewBytes)
	if err != nil && err != io.EOF {
		stop()
		return nil, fmt.Errorf("read the file's beginning: %w", err)
	}
	dialect, err := csvscan.Sniff(sample, err == io.EOF, choice)
	if err != nil {
		stop()
		return nil, err
	}
	dialect.Compression = compression
	return newFile(in, dialect, stop), nil
}

// OpenAs opens a file whose dialect is known, from an import's layout.
func OpenAs(r io.Reader, dialect bulk.Dialect) (*File, error) {
	in, compression, stop, err := Unpack(r)
	if err != nil {
		return nil, err
	}
	dialect.Compression = compression // the same content may have been packed since
	return newFile(in, dialect, stop), nil
}

func newFile(in io.Reader, dialect bulk.Dialect, stop func()) *File {
	return &File{Dialect: dialect, scan: csvscan.New(csvscan.Decode(in, dialect), csvscan.Config{Dialect: dialect}), close: stop}
}

// ReadHeader reads the first record and returns the names of the columns; what Next
// returns then are the rows. A file without a usable header is a *bulk.Error.
func (f *File) ReadHeader() ([]string, error) {
	first, err := f.scan.Next()
	if errors.Is(err, io.EOF) {
		return nil, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file has no content. Choose one with a header and rows.")
	}
	if err != nil {
		return nil, err
	}
	if f.Dialect.NoHeader {
		f.first = first
	}
	return csvscan.Header(first, f.Dialect, bulk.DefaultLimits())
}

// Next returns the next record, valid until the next call; io.EOF at the end. Records
// that the reader rejects carry a code. A *bulk.Error refuses the file.
func (f *File) Next() (*csvscan.Record, error) {
	if first := f.first; first != nil {
		f.first = nil
		return first, nil
	}
	return f.scan.Next()
}

// Scanner returns what reads the records, for those who take them from the very first on.
func (f *File) Scanner() *csvscan.Scanner { return f.scan }

// Close frees what decompression holds; it does not close the reader.
func (f *File) Close() { f.close() }

// Unpack decompresses r if its first bytes say that it is gzip or zstd. The caller
// calls stop at the end.
func Unpack(packed io.Reader) (in *bufio.Reader, compression string, stop func(), err error) {
	size := bulk.DefaultLimits().PreviewBytes
	r := bufio.NewReaderSize(packed, size)
	head, err := r.Peek(4)
	if err != nil && err != io.EOF {
		return nil, "", nil, fmt.Errorf("read the file's beginning: %w", err)
	}
	switch compression = csvscan.Magic(head); compression {
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, "", nil, truncated(err)
		}
		return bufio.NewReaderSize(&unpacked{z}, size), compression, func() { z.Close() }, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, "", nil, truncated(err)
		}
		return bufio.NewReaderSize(&unpacked{z}, size), compression, z.Close, nil
	}
	return r, "", func() {}, nil
}

// unpacked turns what a decompressor finds wrong into the refusal of the file.
type unpacked struct{ r io.Reader }

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF {
		err = truncated(err)
	}
	return n, err
}

func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrTruncatedArchive, "The archive ends in its middle. Send it again, complete.")
	}
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrDamagedArchive, "The archive cannot be unpacked: %v. Compress the file again.", err)
}
