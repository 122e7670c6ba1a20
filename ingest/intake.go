package ingest

import (
	"fmt"
	"io"
	"slices"

	"bulkhead/internal/bulk"
)

// intake reads a file from where its upload stands: the tail, then a request's body.
// It remembers every byte since the last boundary, because until the next one they
// may have to become the tail, and it keeps the file's running digests.
type intake struct {
	turn  *turn // which whoever reads has; the body is waited for without it
	body  io.Reader
	ended error // why the body gives no more; io.EOF: it is whole
	// tail reads the tail from one of its pieces on. Only load needs all of it.
	tail   func(from int64) ([]byte, error)
	pieces []int64 // where the pieces of the tail begin, the last of which ends at known
	buf    []byte  // the file's bytes from head on, as far as they were read
	head   int64   // the last boundary once the tail is loaded
	start  int64   // the last boundary
	pos    int64   // next byte that Read gives
	sum    *sums
	known  int64 // sum covers [0, known), which is acknowledged or on its way to be
	room   int   // most bytes of buf; see errRoom
}

// errRoom ends a Read when the bytes since the last boundary fill all the room, which
// happens when megabytes of blank lines hold no record.
var errRoom = fmt.Errorf("no record since the last boundary")

// pullBytes is how much of a body is waited for at once, so that a slow client does
// not come to a turn for each packet.
const pullBytes = 128 << 10

// newIntake goes on behind the upload's tail, of which it reads nothing yet.
func newIntake(up *bulk.Upload, turn *turn, tail func(int64) ([]byte, error), body io.Reader, room int) (*intake, error) {
	sum, err := newSums(up)
	if err != nil {
		return nil, err
	}
	in := &intake{
		turn: turn, body: body, tail: tail, pieces: up.Tail, start: up.Offset, head: up.Offset,
		sum: sum, known: up.Offset, room: room,
	}
	if len(in.pieces) > 0 {
		in.start = in.pieces[0]
	}
	in.pos = in.start
	return in, nil
}

// end is the offset up to which the file was read.
func (in *intake) end() int64 { return in.head + int64(len(in.buf)) }

// held is how many bytes there are since the last boundary.
func (in *intake) held() int { return int(in.end() - in.start) }

// fill reads until n bytes are there since the boundary, or the body ends.
func (in *intake) fill(n int) {
	for in.held() < n && in.ended == nil {
		in.pull(n-in.held(), n)
	}
}

// load reads the tail, before which nothing but fill and piece may be called.
func (in *intake) load() error {
	if in.head == in.start {
		return nil
	}
	tail, err := in.read(in.start)
	if err != nil {
		return err
	}
	in.buf, in.head = append(tail, in.buf...), in.start
	return nil
}

// read returns the tail from one of its pieces on.
func (in *intake) read(from int64) (tail []byte, err error) {
	in.turn.without(func() { tail, err = in.tail(from) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("read tail: %w", err)
	case int64(len(tail)) != in.known-from:
		return nil, bulk.ErrSuperseded // by a writer that is at it
	}
	return tail, nil
}

// piece returns the bytes that the tail is to end with, in place of its pieces from
// there on, so that it reaches to the end. It takes those pieces in that are not longer
// than what follows them: there are then as few as the length has bits, and each byte
// was written as often at most.
func (in *intake) piece() ([]byte, error) {
	from := in.known
	for i := len(in.pieces) - 1; i >= 0 && from-in.pieces[i] <= in.end()-from; i-- {
		from = in.pieces[i]
	}
	if from >= in.head {
		return in.since(from), nil
	}
	tail, err := in.read(from)
	return append(tail, in.buf...), err
}

// Read gives the file's bytes from pos on; io.EOF stands for every end of the body.
func (in *intake) Read(p []byte) (int, error) {
	for in.pos == in.end() {
		if in.ended != nil {
			return 0, io.EOF
		}
		if in.held() >= in.room {
			return 0, errRoom
		}
		in.pull(pullBytes, in.room+pullBytes)
	}
	n := copy(p, in.since(in.pos))
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
func (in *intake) since(off int64) []byte { return in.buf[off-in.head:] }

// digest returns the state of the digests over [0, off). off never goes back.
func (in *intake) digest(off int64) ([]byte, error) {
	if off > in.known {
		in.sum.Write(in.since(in.known)[:off-in.known])
		in.known = off
	}
	return in.sum.state()
}

// prove refuses a file, all of which is in the buffer, that has another digest than its
// sender said.
func (in *intake) prove(imp bulk.Import) error {
	state, err := in.sum.state()
	if err != nil {
		return err
	}
	whole, err := newSums(&bulk.Upload{Import: imp, Digest: state})
	if err != nil {
		return err
	}
	whole.Write(in.since(in.known))
	return whole.check(imp.Options)
}

// cede makes the end the last boundary and gives the bytes before it away.
func (in *intake) cede() []byte {
	given := in.buf
	in.head, in.start, in.pos, in.buf, in.pieces = in.end(), in.end(), in.end(), nil, nil
	return given
}

// boundary makes off the last boundary: the bytes before it are forgotten. What is
// acknowledged behind it is the tail's one piece.
func (in *intake) boundary(off int64) {
	in.buf = slices.Delete(in.buf, 0, int(off-in.head))
	in.head, in.start, in.pieces = off, off, nil
	if in.known > off {
		in.pieces = []int64{off}
	}
}
