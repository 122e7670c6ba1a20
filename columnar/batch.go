package columnar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"bulkhead/internal/bulk"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
)

// ErrDamaged is the code of the error for an object that is not what was staged.
const ErrDamaged = "object_damaged"

// Batch is a decoded batch object. Its strings share its memory: they are valid
// until Release. It is safe for concurrent reading.
type Batch struct {
	header  []string
	rec     arrow.Record
	rows    []int64
	lines   []int64
	offsets []int64
	code    *array.String
	detail  *array.String
	raw     *array.String
	cells   []*array.String
}

// Decode reads an object after comparing it with the SHA-256, in hex, that the
// ledger keeps. Anything wrong with it is a [bulk.Error] of code [ErrDamaged], which
// reading again does not mend. The kind is none of a requester's: the error is internal.
func Decode(data []byte, sum string) (*Batch, error) {
	return decodeWith(memory.DefaultAllocator, data, sum)
}

func decodeWith(mem memory.Allocator, data []byte, sum string) (*Batch, error) {
	if hash := sha256.Sum256(data); hex.EncodeToString(hash[:]) != sum {
		return nil, bulk.Errorf("", ErrDamaged, "The batch object has SHA-256 %x, the ledger says %s.", hash, sum)
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	b, err := s.decode(mem, data)
	if err != nil {
		return nil, bulk.Errorf("", ErrDamaged, "The batch object cannot be read: %v.", err)
	}
	return b, nil
}

func (s *scratch) decode(mem memory.Allocator, data []byte) (b *Batch, err error) {
	defer caught(&err)
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true // read pages from data instead of from a copy of it
	r, err := file.NewParquetReader(bytes.NewReader(data), file.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	header, err := headerOf(r.MetaData().KeyValueMetadata())
	if err != nil {
		return nil, err
	}
	if r.NumRowGroups() != 1 || r.MetaData().Schema.NumColumns() != fixedColumns+len(header) {
		return nil, fmt.Errorf("%d row groups of %d columns under a header of %d", r.NumRowGroups(), r.MetaData().Schema.NumColumns(), len(header))
	}
	if r.NumRows() > int64(len(data)) { // a row has 24 bytes at least; do not allocate for a lie
		return nil, fmt.Errorf("%d rows in %d bytes", r.NumRows(), len(data))
	}
	return s.decodeGroup(mem, r.RowGroup(0), header)
}

func (s *scratch) decodeGroup(mem memory.Allocator, group *file.RowGroupReader, header []string) (*Batch, error) {
	cols := make([]arrow.Array, 0, fixedColumns+len(header))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i := range fixedColumns + len(header) {
		col, err := s.decodeColumn(mem, group, i)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", i, err)
		}
		cols = append(cols, col)
	}
	return newBatch(header, array.NewRecord(newSchema(header), cols, group.NumRows())), nil
}

func (s *scratch) decodeColumn(mem memory.Allocator, group *file.RowGroupReader, i int) (arrow.Array, error) {
	col, err := group.Column(i)
	if err != nil {
		return nil, err
	}
	n := int(group.NumRows())
	s.levels = slices.Grow(s.levels[:0], n)[:n]
	switch col := col.(type) {
	case *file.Int64ColumnChunkReader:
		values := make([]int64, n)
		if _, got, err := col.ReadBatch(int64(n), values, s.levels, nil); err != nil || got != n || i >= colCode {
			return nil, fmt.Errorf("%d of %d integers: %w", got, n, err)
		}
		return newInt64(values), nil
	case *file.ByteArrayColumnChunkReader:
		s.values = slices.Grow(s.values[:0], n)[:n]
		if total, got, err := col.ReadBatch(int64(n), s.values, s.levels, nil); err != nil || total != int64(n) || i < colCode {
			return nil, fmt.Errorf("%d of %d texts: %w", got, n, err)
		}
		return s.scatter(mem), nil
	default:
		return nil, fmt.Errorf("unexpected type %T", col)
	}
}

// scatter makes a column of the values read, by their levels.
func (s *scratch) scatter(mem memory.Allocator) *array.String {
	n, size, present := len(s.levels), 0, 0
	for _, l := range s.levels {
		present += int(l)
	}
	for _, v := range s.values[:present] {
		size += len(v)
	}
	ends, values := memory.NewResizableBuffer(mem), memory.NewResizableBuffer(mem)
	ends.Resize(arrow.Int32Traits.BytesRequired(n + 1))
	values.Resize(size)
	var valid []byte
	if present < n {
		valid = make([]byte, bitutil.BytesForBits(int64(n)))
	}
	end, data, next := arrow.Int32Traits.CastFromBytes(ends.Bytes()), values.Bytes(), 0
	at := 0
	end[0] = 0
	for i, l := range s.levels {
		if l == 1 {
			at += copy(data[at:], s.values[next])
			next++
			if valid != nil {
				bitutil.SetBit(valid, i)
			}
		}
		end[i+1] = int32(at)
	}
	return newString(valid, n-present, ends, values)
}

func newBatch(header []string, rec arrow.Record) *Batch {
	b := &Batch{
		header:  header,
		rec:     rec,
		rows:    rec.Column(colRow).(*array.Int64).Int64Values(),
		lines:   rec.Column(colLine).(*array.Int64).Int64Values(),
		offsets: rec.Column(colOffset).(*array.Int64).Int64Values(),
		code:    rec.Column(colCode).(*array.String),
		detail:  rec.Column(colDetail).(*array.String),
		raw:     rec.Column(colRaw).(*array.String),
	}
	for _, c := range rec.Columns()[fixedColumns:] {
		b.cells = append(b.cells, c.(*array.String))
	}
	return b
}

// Header returns the source column names.
func (b *Batch) Header() []string { return b.header }

// Rows returns the number of records, the rejected ones included.
func (b *Batch) Rows() int { return len(b.rows) }

// Row returns the place of record i in the file: its row number and line, both from
// 1, and the offset of its first byte.
func (b *Batch) Row(i int) (row, line, offset int64) { return b.rows[i], b.lines[i], b.offsets[i] }

// Code returns why the reader rejected record i, or "".
func (b *Batch) Code(i int) bulk.Code { return bulk.Code(b.code.Value(i)) }

// Detail returns what the reader found wrong with record i, or "".
func (b *Batch) Detail(i int) string { return b.detail.Value(i) }

// Raw returns the text of record i as it stands in the file, for one that the reader
// rejected, or "".
func (b *Batch) Raw(i int) string { return b.raw.Value(i) }

// Cell returns a cell of record i, or "" for a rejected record.
func (b *Batch) Cell(col, i int) string { return b.cells[col].Value(i) }

// Release frees the batch and every string that came from it. It has no rows any more.
func (b *Batch) Release() {
	b.rec.Release()
	*b = Batch{}
}
