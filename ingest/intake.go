package ingest

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"

	"bulkhead/internal/bulk"
)

// intake reads a file from where its upload stands: the tail, then a request's body.
// It remembers every byte since the last boundary, because until the next one they
// may have to become the tail, and it keeps the file's running digest.
type intake struct {
	body  io.Reader
	ended error  // why the body gives no more; io.EOF: it is whole
	buf   []byte // the file's bytes from start on, as far as they were read
	start int64  // the last boundary
	pos   int64  // next byte that Read gives
	sum   hash.Hash
	known int64 // sum covers [0, known); never less than what is acknowledged
	tail  int   // bytes of buf that were acknowledged before this request
	room  int   // most bytes of buf; see errRoom
}

// errRoom ends a Read when the bytes since the last boundary fill all the room, which
// happens when megabytes of blank lines hold no record.
var errRoom = fmt.Errorf("no record since the last boundary")

// pullBytes is how much of a body is read at once.
const pullBytes = 128 << 10

func newIntake(up *bulk.Upload, body io.Reader, room int) (*intake, error) {
	in := &intake{
		body: body, buf: slices.Clone(up.Tail), start: up.Offset - int64(len(up.Tail)),
		sum: sha256.New(), known: up.Offset, tail: len(up.Tail), room: room,
	}
	in.pos = in.start
	if len(up.Digest) > 0 {
		if err := in.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(up.Digest); err != nil {
			return nil, fmt.Errorf("resume digest: %w", err)
		}
	}
	return in, nil
}

// end is the offset up to which the file was read.
func (in *intake) end() int64 { return in.start + int64(len(in.buf)) }

// fill reads until n bytes are there since the boundary, or the body ends.
func (in *intake) fill(n int) {
	for len(in.buf) < n && in.ended == nil {
		in.pull(n - len(in.buf))
	}
}

// Read gives the file's bytes from pos on; io.EOF stands for every end of the body.
func (in *intake) Read(p []byte) (int, error) {
	for in.pos == in.end() {
		if in.ended != nil {
			return 0, io.EOF
		}
		if len(in.buf) >= in.room {
			return 0, errRoom
		}
		in.pull(pullBytes)
	}
	n := copy(p, in.buf[in.pos-in.start:])
	in.pos += int64(n)
	return n, nil
}

func (in *intake) pull(n int) {
	n = min(n, pullBytes)
	in.buf = slices.Grow(in.buf, n)
	got, err := in.body.Read(in.buf[len(in.buf) : len(in.buf)+n])
	in.buf = in.buf[:len(in.buf)+got]
	in.ended = err
}

// since returns the bytes from off on. They are valid until the next call.
func (in *intake) since(off int64) []byte { return in.buf[off-in.start:] }

// digest returns the state of the digest over [0, off). off never goes back.
func (in *intake) digest(off int64) ([]byte, error) {
	if off > in.known {
		in.sum.Write(in.buf[in.known-in.start : off-in.start])
		in.known = off
	}
	return in.sum.(encoding.BinaryMarshaler).MarshalBinary()
}

// total returns the digest in hex; it covers what the last call of digest did.
func (in *intake) total() string { return hex.EncodeToString(in.sum.Sum(nil)) }

// boundary makes off the last boundary: the bytes before it are forgotten.
func (in *intake) boundary(off int64) {
	in.buf = slices.Delete(in.buf, 0, int(off-in.start))
	in.start = off
}
