package ingest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// resumeBuffer reads a file from where its upload stands: the tail, then a request's body.
// It remembers every byte since the last boundary, because until the next one they
// may have to become the tail, and it keeps the file's running digests.
type resumeBuffer struct {
	permit *permits.Permit // which whoever reads has acquired; the body is waited for without it
	sender *sender
	body   io.Reader                  // what there is to take in of what the sender gives
	hold   *hold                      // buf's capacity and more
	wants  func(n int64) (why string) // grows the hold, waiting
	hurry  bool                       // the body is waited for only shortly
	ended  error                      // why the body gives no more; io.EOF: it is whole
	// tail reads the tail from one of its pieces on. Only load needs all of it.
	tail   func(from int64) ([]byte, error)
	pieces []int64 // where the pieces of the tail begin, the last of which ends at known
	buf    []byte  // the file's bytes from head on, as far as they were read
	head   int64   // the last boundary once the tail is loaded
	start  int64   // the last boundary
	pos    int64   // next byte that Read gives
	sum    *sums
	known  int64 // sum covers [0, known), which is acknowledged or on its way to be
	room   int   // most bytes of buf; see errBufferFull
}

// errBufferFull ends a Read when the bytes since the last boundary fill all the room, which
// happens when megabytes of blank lines hold no record, or there is no memory for more.
var errBufferFull = fmt.Errorf("no record since the last boundary")

// pullBytes is how much of a body is waited for at once, so that a slow client does
// not ask for a permit for each packet, and pullTime how long when in a hurry.
const (
	pullBytes = 128 << 10
	pullTime  = 20 * time.Millisecond
)

// newResumeBuffer goes on behind the upload's tail, of which it reads nothing yet.
func (u *Uploads) newResumeBuffer(ctx context.Context, up *bulk.Upload, sender *sender, body io.Reader) (*resumeBuffer, error) {
	sum, err := newSums(up)
	if err != nil {
		return nil, err
	}
	in := &resumeBuffer{
		permit: u.permits.Of(up.Import.AccountID), sender: sender, body: body, hold: sender.hold, pieces: up.Tail, start: up.Offset, head: up.Offset,
		sum: sum, known: up.Offset, room: u.room(),
		wants: func(n int64) string { return sender.hold.grow(ctx, n, u.RoomWait) },
		tail:  func(from int64) ([]byte, error) { return u.Ledger.Tail(ctx, up.Import.AccountID, up.Import.ID, from) },
	}
	if len(in.pieces) > 0 {
		in.start = in.pieces[0]
	}
	in.pos = in.start
	return in, nil
}

// end is the offset up to which the file was read.
func (in *resumeBuffer) end() int64 { return in.head + int64(len(in.buf)) }

// held is how many bytes there are since the last boundary.
func (in *resumeBuffer) held() int { return int(in.end() - in.start) }

// fill reads until n bytes are there since the boundary, or the body ends.
func (in *resumeBuffer) fill(n int) {
	for in.held() < n && in.ended == nil {
		if !in.extend(min(n-in.held(), pullBytes), n, in.wants) {
			return
		}
		in.pull(min(n-in.held(), pullBytes))
	}
}

// load reads the tail, before which nothing but fill and piece may be called.
func (in *resumeBuffer) load() error {
	if in.head == in.start {
		return nil
	}
	missing := int(in.head - in.start)
	if !in.extend(missing, in.held(), in.wants) {
		return in.ended
	}
	tail, err := in.read(in.start)
	if err != nil {
		return err
	}
	have := len(in.buf)
	in.buf = in.buf[:have+missing]
	copy(in.buf[missing:], in.buf[:have])
	copy(in.buf, tail)
	in.head = in.start
	return nil
}

// extend makes room for n bytes more, a buffer of at most most bytes. Where there is no
// memory, the request ends when it waited for some, and else goes on without.
func (in *resumeBuffer) extend(n, most int, wants func(int64) string) bool {
	have := len(in.buf)
	if have+n <= cap(in.buf) {
		return true
	}
	size := max(have+n, min(2*have, most))
	why := ""
	in.permit.Yield(func() { why = wants(int64(size)) })
	if why != "" {
		if why != noMemoryNow {
			in.ended = refused(why)
		}
		return false
	}
	in.resize(size)
	return true
}

// noMemoryNow is the answer of one who does not wait.
const noMemoryNow = "now"

func (in *resumeBuffer) tries(n int64) string {
	if in.hold.try(n) {
		return ""
	}
	return noMemoryNow
}

// resize moves the bytes to a buffer of a size that the hold has grown by.
func (in *resumeBuffer) resize(size int) {
	resized := make([]byte, len(in.buf), size)
	copy(resized, in.buf)
	before := cap(in.buf)
	in.buf = resized
	in.hold.shrink(int64(before))
}

// fit gives memory back that the bytes since the boundary do not need.
func (in *resumeBuffer) fit() {
	if len(in.buf) < cap(in.buf)/2 && in.hold.try(int64(len(in.buf))) {
		in.resize(len(in.buf))
	}
}

// read returns the tail from one of its pieces on.
func (in *resumeBuffer) read(from int64) (tail []byte, err error) {
	in.permit.Yield(func() { tail, err = in.tail(from) })
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
func (in *resumeBuffer) piece() ([]byte, error) {
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

// Read gives the file's bytes from pos on; io.EOF stands for every end of the body. In
// a hurry it ends with errSlow when the client is not as fast.
func (in *resumeBuffer) Read(p []byte) (int, error) {
	for in.pos == in.end() {
		if in.ended != nil {
			return 0, io.EOF
		}
		if in.held() >= in.room || !in.extend(pullBytes, in.room+pullBytes, in.tries) {
			return 0, errBufferFull
		}
		if !in.pull(pullBytes) {
			return 0, errSlow
		}
	}
	n := copy(p, in.since(in.pos))
	in.pos += int64(n)
	return n, nil
}

// pull reads n bytes, for which there is room, if there are so many; false: they did
// not come soon enough.
func (in *resumeBuffer) pull(n int) bool {
	have, err := len(in.buf), error(nil)
	in.sender.by = time.Time{}
	if in.hurry {
		in.sender.by = time.Now().Add(pullTime)
	}
	in.permit.Yield(func() {
		for got := 0; err == nil && len(in.buf) < have+n; in.buf = in.buf[:len(in.buf)+got] {
			got, err = in.body.Read(in.buf[len(in.buf) : have+n])
		}
	})
	if err == errSlow {
		return false
	}
	in.ended = err
	return true
}

// since returns the bytes from off on. They are valid until the next call.
func (in *resumeBuffer) since(off int64) []byte { return in.buf[off-in.head:] }

// digest returns the state of the digests over [0, off). off never goes back.
func (in *resumeBuffer) digest(off int64) ([]byte, error) {
	if off > in.known {
		in.sum.Write(in.since(in.known)[:off-in.known])
		in.known = off
	}
	return in.sum.state()
}

// prove refuses a file, all of which is in the buffer, that has another digest than its
// sender said.
func (in *resumeBuffer) prove(imp bulk.Import) error {
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

// detach makes the end the last boundary and gives the bytes before it away.
func (in *resumeBuffer) detach() []byte {
	given := in.buf
	in.head, in.start, in.pos, in.buf, in.pieces = in.end(), in.end(), in.end(), nil, nil
	return given
}

// boundary makes off the last boundary: the bytes before it are forgotten. What is
// acknowledged behind it is the tail's one piece.
func (in *resumeBuffer) boundary(off int64) {
	in.buf = slices.Delete(in.buf, 0, int(off-in.head))
	in.head, in.start, in.pieces = off, off, nil
	if in.known > off {
		in.pieces = []int64{off}
	}
}
