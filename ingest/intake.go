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
	turn  *turn // which whoever reads has; the body is waited for without it
	body  io.Reader
	ended error  // why the body gives no more; io.EOF: it is whole
	buf   []byte // the file's bytes from start on, as far as they were read
	start int64  // the last boundary
	pos   int64  // next byte that Read gives
	sum   hash.Hash
	known int64 // sum covers [0, known); never less than what is acknowledged
	room  int   // most bytes of buf; see errRoom
}

// errRoom ends a Read when the bytes since the last boundary fill all the room, which
// happens when megabytes of blank lines hold no record.
var errRoom = fmt.Errorf("no record since the last boundary")

// pullBytes is how much of a body is waited for at once, so that a slow client does
// not come to a turn for each packet.
const pullBytes = 128 << 10

// newIntake takes the upload's tail over.
func newIntake(up *bulk.Upload, turn *turn, body io.Reader, room int) (*intake, error) {
	in := &intake{
		turn: turn, body: body, buf: up.Tail, start: up.Offset - int64(len(up.Tail)),
		sum: sha256.New(), known: up.Offset, room: room,
	}
	in.pos, up.Tail = in.start, nil
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
		in.pull(n-len(in.buf), n)
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
		in.pull(pullBytes, in.room+pullBytes)
	}
	n := copy(p, in.buf[in.pos-in.start:])
	in.pos += int64(n)
	return n, nil
}

// pull reads n bytes, if there are so many; the buffer grows up to most.
func (in *intake) pull(n, most int) {
	have := len(in.buf)
	if n = min(n, pullBytes); have+n > cap(in.buf) {
		grown := make([]byte, have, max(have+n, min(2*have, most)))
		copy(grown, in.buf)
		in.buf = grown
	}
	in.turn.without(func() {
		for got := 0; in.ended == nil && len(in.buf) < have+n; in.buf = in.buf[:len(in.buf)+got] {
			got, in.ended = in.body.Read(in.buf[len(in.buf) : have+n])
		}
	})
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

// cede makes the end the last boundary and gives the bytes before it away.
func (in *intake) cede() []byte {
	given := in.buf
	in.start, in.pos, in.buf = in.end(), in.end(), nil
	return given
}

// boundary makes off the last boundary: the bytes before it are forgotten.
func (in *intake) boundary(off int64) {
	in.buf = slices.Delete(in.buf, 0, int(off-in.start))
	in.start = off
}
