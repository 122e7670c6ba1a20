package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
)

// bound ends a body where the file may end at the latest.
func (u *Uploads) bound(up *bulk.Upload, body io.Reader) io.Reader {
	if up.Length < 0 {
		return io.LimitReader(body, u.Limits.FileBytes+1-up.Offset) // one more tells that it is too much
	}
	return &exactly{r: body, left: up.Length - up.Offset}
}

// errExcess ends a body that has more bytes than the file was announced with.
var errExcess = errors.New("more bytes than announced")

// exactly gives the bytes that are left of a file, and looks whether more come: they
// would otherwise be dropped without a word.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left > 0 {
		n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
		e.left -= int64(n)
		return n, err
	}
	var one [1]byte
	n, err := e.r.Read(one[:])
	if n > 0 {
		return 0, errExcess
	}
	return 0, err
}

// hold reads a body to its end, and returns it once its digests turn out to be right, so
// that nothing of it is acknowledged before. Memory holds its last part; parts before
// that lie in the object store, where nothing names them: they are collected.
func (u *Uploads) hold(ctx context.Context, r request) (io.Reader, error) {
	sum := digest.NewSum(r.digests)
	body := io.TeeReader(r.body, sum)
	stored := &partReader{ctx: ctx, objects: u.Objects}
	for {
		part, err := io.ReadAll(io.LimitReader(body, int64(u.PartBytes)))
		if err != nil {
			return nil, &bodyError{err}
		}
		if len(part) < u.PartBytes {
			if algorithm := sum.Mismatch(); algorithm != "" {
				return nil, contentMismatch(algorithm)
			}
			return io.MultiReader(stored, bytes.NewReader(part)), nil
		}
		is := sha256.Sum256(part)
		p := bulk.Part{
			Object: fmt.Sprintf("parts/%s/held-%s", r.id, strings.ToLower(rand.Text())),
			From:   r.offset, Size: int64(len(part)), SHA256: hex.EncodeToString(is[:]),
		}
		if err := u.Objects.Put(ctx, p.Object, part); err != nil {
			return nil, fmt.Errorf("hold part: %w", err)
		}
		r.offset += p.Size
		stored.parts = append(stored.parts, p)
	}
}
