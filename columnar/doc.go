// Package columnar turns a run of CSV records into one batch object and back: the
// form in which rows wait between the process that reads a file and the one that
// commits it.
//
// In memory a batch is an Arrow record, at rest a Parquet file of one row group,
// which any Parquet reader can open. It has a row for every record of its byte
// range, the ones that the CSV reader rejected included, so that no record can get
// lost between the stages:
//
//	_row     int64   row number in the file, from 1, the header not counted
//	_line    int64   physical line on which the record starts, from 1
//	_offset  int64   offset of the record's first byte
//	_code    string  why the reader rejected the record; null for a good one
//	_detail  string  what it found and expected; null for a good one
//	_raw     string  the record's text; null for a good one
//	c0, c1…  string  the cells by position; null for a rejected record, never for a good one
//
// Header names may be anything, so they are not column names: they stand as a JSON
// array in the metadata under "bulkhead.header", beside "bulkhead.version".
//
// # Use
//
//	b := columnar.NewBuilder(header)
//	b.Append(row, line, offset, cells)
//	rec := b.Finish()                        // b takes the next batch
//	data, sum, err := columnar.Encode(rec)   // in another goroutine, if you like
//	rec.Release()
//
//	batch, err := columnar.Decode(data, sum)
//	defer batch.Release()
//	batch.Cell(0, i)
//
// # Guarantees
//
// Decode checks the SHA-256 before it parses a byte, and what it returns equals what
// was appended, byte for byte. A damaged object is an error, never a panic: the hash
// finds it, and the file is read in the caller's goroutine, where a panic of the
// Parquet library can be caught. The hash is the only defence against an object made
// to harm: the library allocates whatever page sizes a file claims. Memory is a small multiple of the batch, whose size the
// caller bounds by [Builder.Rows] and [Builder.Bytes].
//
// # Why it is written like this
//
// The Arrow adapter of the Parquet library (pqarrow) is left out: it decodes in
// goroutines of its own, pulls in an RPC stack, and takes 1.5 times as long to write
// text and twice as long to read it.
// Dictionaries and statistics are off, since every column is read once and whole.
// See encode.go for the choice of compression.
package columnar
