package columnar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/metadata"
)

// codec is what pages are compressed with. A reader takes any, so it can change
// without a new format version. Ten-column contacts in batches of 8,192 rows, MB of
// CSV per second of processor time (GOMAXPROCS=1, GOGC=400, medians of five
// alternating runs on a busy 2-core EPYC, without the SHA-256), and CSV ÷ object:
//
//	                                     encode  decode  ratio
//	uncompressed                            280     345   0.73
//	snappy of klauspost/compress            167     285   1.19
//	snappy of the library                   124     221   1.26
//	zstd level 1, encoders pooled            89     214   2.14
//	uncompressed through pqarrow            185     166   0.73
//
// An object is written once and soon read once or twice; imports are short of
// processor time, not of disk. So nothing is compressed.
var codec = compress.Codecs.Uncompressed

// onePage keeps a column in one page: a batch is read whole or not at all.
const onePage = 1 << 30

// scratch is the memory that one Encode or Decode needs beside its result.
type scratch struct {
	out    bytes.Buffer
	values []parquet.ByteArray
	levels []int16
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxScratch bounds the memory that a scratch keeps while nobody uses it.
const maxScratch = 16 << 20

func (s *scratch) release() {
	clear(s.values[:cap(s.values)]) // they point into a batch
	if s.out.Cap() <= maxScratch {
		scratches.Put(s)
	}
}

// Encode renders a record of [Builder.Finish] as a Parquet file in memory, with its
// SHA-256 in hex. It does not release the record. It is safe for concurrent use.
func Encode(rec arrow.Record) (data []byte, sum string, err error) {
	s := scratches.Get().(*scratch)
	defer s.release()
	s.out.Reset()
	if err := s.encode(rec); err != nil {
		return nil, "", fmt.Errorf("encode batch: %w", err)
	}
	hash := sha256.Sum256(s.out.Bytes())
	return bytes.Clone(s.out.Bytes()), hex.EncodeToString(hash[:]), nil
}

func (s *scratch) encode(rec arrow.Record) (err error) {
	defer caught(&err)
	root, err := parquetSchema(rec.Schema())
	if err != nil {
		return err
	}
	w := file.NewParquetWriter(&s.out, root, file.WithWriterProps(parquet.NewWriterProperties(
		parquet.WithDictionaryDefault(false),
		parquet.WithStats(false),
		parquet.WithCompression(codec),
		parquet.WithDataPageSize(onePage),
		parquet.WithBatchSize(onePage),
	)), file.WithWriteMetadata(keyValues(rec.Schema().Metadata())))
	group := w.AppendRowGroup()
	for _, col := range rec.Columns() {
		if err := s.encodeColumn(group, col); err != nil {
			return err
		}
	}
	if err := group.Close(); err != nil {
		return err
	}
	return w.Close()
}

func (s *scratch) encodeColumn(group file.SerialRowGroupWriter, col arrow.Array) error {
	w, err := group.NextColumn()
	if err != nil {
		return err
	}
	s.measure(col)
	switch w := w.(type) {
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(col.(*array.Int64).Int64Values(), s.levels, nil)
	case *file.ByteArrayColumnChunkWriter:
		s.gather(col.(*array.String))
		_, err = w.WriteBatch(s.values, s.levels, nil)
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// measure sets the definition levels: 1 for a value, 0 for a null.
func (s *scratch) measure(col arrow.Array) {
	s.levels = slices.Grow(s.levels[:0], col.Len())[:col.Len()]
	for i := range s.levels {
		s.levels[i] = 1
	}
	if col.NullN() == 0 {
		return
	}
	for i := range s.levels {
		if col.IsNull(i) {
			s.levels[i] = 0
		}
	}
}

// gather lists the values of the column that measure saw, without its nulls.
func (s *scratch) gather(col *array.String) {
	s.values = slices.Grow(s.values[:0], col.Len())
	data, ends := col.ValueBytes(), col.ValueOffsets()
	for i, l := range s.levels {
		if l == 1 {
			s.values = append(s.values, data[ends[i]:ends[i+1]:ends[i+1]])
		}
	}
}

func keyValues(m arrow.Metadata) metadata.KeyValueMetadata {
	out := metadata.NewKeyValueMetadata()
	for i, k := range m.Keys() {
		_ = out.Append(k, m.Values()[i]) // fails for invalid UTF-8 only, which JSON cannot hold
	}
	return out
}

// caught turns a panic of the Parquet library, which it uses for damaged files and
// exhausted sinks, into an error.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("parquet: %v", p)
	}
}
