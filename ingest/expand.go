package ingest

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"bulkhead/internal/bulk"
)

// The kinds of compression, as bulk.Dialect names them.
const (
	compressionGzip = "gzip"
	compressionZstd = "zstd"
)

const (
	// expansionFree is how many bytes may come out before the ratio is judged: a
	// small file of one repeated line is no attack.
	expansionFree = 1 << 20
	// maxWindow bounds a zstd decoder's memory; it is above what zstd -19 asks for.
	maxWindow = 32 << 20
)

// expander decompresses a whole file: every member of a gzip file and every frame
// of a zstd file, and nothing behind them. It fails with an *bulk.Error for what is
// wrong with the file, and with the source's own error unchanged.
type expander struct {
	src   *countingReader
	out   io.Reader
	close func()
	ratio int64 // most bytes out for one byte in
	n     int64 // bytes out
}

// newExpander returns a reader of what r holds; compression "" passes it through.
func newExpander(r io.Reader, compression string, ratio int) (*expander, error) {
	x := &expander{src: &countingReader{r: r}, ratio: int64(ratio), close: func() {}}
	switch compression {
	case "":
		x.out = x.src
	case compressionGzip:
		z, err := gzip.NewReader(x.src)
		if err != nil {
			return nil, x.explain(err)
		}
		x.out = z
	case compressionZstd:
		z, err := zstd.NewReader(x.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		x.out, x.close = z, z.Close
	default:
		return nil, fmt.Errorf("unknown compression %q", compression)
	}
	return x, nil
}

// Close frees the decoder; the source stays open.
func (x *expander) Close() error { x.close(); return nil }

func (x *expander) Read(p []byte) (int, error) {
	n, err := x.out.Read(p)
	x.n += int64(n)
	if x.n > expansionFree && x.n > x.ratio*x.src.n && x.out != io.Reader(x.src) {
		// Without these bytes: a reader's own limits come after this one.
		return 0, bulk.Errorf(bulk.KindUnprocessed, bulk.ErrDecompressionLimit,
			"The archive expands to more than %d times its size. Upload the file uncompressed.", x.ratio)
	}
	if err != nil && err != io.EOF {
		err = x.explain(err)
	}
	return n, err
}

func (x *expander) explain(err error) error {
	switch {
	case x.src.err != nil:
		return x.src.err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrTruncatedArchive, "The archive ends before its data does. Compress the file again and upload all of it.")
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrDecompressionLimit, "The archive needs a window over %d MiB. Compress it without --long or --ultra.", maxWindow>>20)
	default:
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrDamagedArchive, "The archive cannot be decompressed (%v). Compress the file again and upload it.", err)
	}
}

// countingReader counts what was read and keeps the source's own failure apart
// from a decoder's.
type countingReader struct {
	r   io.Reader
	n   int64
	err error // other than io.EOF
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
