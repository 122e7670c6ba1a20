package ingest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

// spool stores a file that cannot be entered in its middle as parts. Parts tile what
// is acknowledged, up to the tail.
func (w *writer) spool() error {
	for {
		w.in.fill(w.u.PartBytes)
		switch {
		case w.in.end() > w.u.Limits.FileBytes:
			return tooLarge(w.u.Limits.FileBytes)
		case w.in.ended == nil:
			if err := w.part(); err != nil {
				return err
			}
		case w.complete():
			if _, err := w.digest(); err != nil {
				return err
			}
			w.spooled = true
			return w.part()
		case w.in.held() <= w.u.TailBytes:
			return w.keep(w.up.Boundary)
		default:
			return w.part()
		}
	}
}

// part queues the bytes that are there as the next part, which is none when there
// are no bytes.
func (w *writer) part() error {
	p, err := w.progress(w.in.end())
	if err != nil {
		return err
	}
	from := w.in.start
	next := write{Progress: p, part: w.in.detach()}
	if len(next.part) > 0 {
		sum := sha256.Sum256(next.part)
		next.Part = &bulk.Part{
			Object: fmt.Sprintf("parts/%s/%d-%s", p.Import, from, strings.ToLower(rand.Text())),
			From:   from, Size: int64(len(next.part)), SHA256: hex.EncodeToString(sum[:]),
		}
	}
	return w.put(next)
}
