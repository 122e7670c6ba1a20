package ingest

import (
	"encoding"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
)

// sha256Name is the digest that every file gets.
const sha256Name = "sha-256"

// sums are the running digests of a file: its SHA-256, and those that its sender said.
// Their state is kept with the upload, the SHA-256's first, the others' by name.
type sums struct {
	names  []string
	hashes []hash.Hash
}

// newSums goes on where the upload's digests stand.
func newSums(up *bulk.Upload) (*sums, error) {
	s := &sums{names: []string{sha256Name}}
	s.names = append(s.names, slices.Sorted(maps.Keys(up.Import.Options.Digests))...)
	state := up.Digest
	for _, name := range s.names {
		h := digest.New(name)
		if h == nil {
			return nil, fmt.Errorf("resume digest: there is no %s", name)
		}
		s.hashes = append(s.hashes, h)
		if len(up.Digest) == 0 {
			continue
		}
		fresh, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("resume digest: %w", err)
		}
		n := min(len(fresh), len(state)) // of every state of this hash
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state[:n]); err != nil {
			return nil, fmt.Errorf("resume digest: %w", err)
		}
		state = state[n:]
	}
	return s, nil
}

// Write implements io.Writer and never fails.
func (s *sums) Write(p []byte) (int, error) {
	for _, h := range s.hashes {
		h.Write(p)
	}
	return len(p), nil
}

// state returns what newSums goes on with.
func (s *sums) state() (state []byte, err error) {
	for _, h := range s.hashes {
		one, err := h.(encoding.BinaryMarshaler).MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("keep digest: %w", err)
		}
		state = append(state, one...)
	}
	return state, nil
}

// sha256 returns the file's SHA-256 in hex.
func (s *sums) sha256() string { return hex.EncodeToString(s.hashes[0].Sum(nil)) }

// check refuses a file that has another digest than its sender said.
func (s *sums) check(o bulk.Options) error {
	if want := o.SHA256; want != "" && !strings.EqualFold(want, s.sha256()) {
		return digestMismatch("SHA-256", s.sha256(), want)
	}
	for i, name := range s.names[1:] {
		if sum, want := hex.EncodeToString(s.hashes[i+1].Sum(nil)), o.Digests[name]; !strings.EqualFold(want, sum) {
			return digestMismatch(name, sum, want)
		}
	}
	return nil
}

// announced reports whether the sender said a digest of the file.
func announced(o bulk.Options) bool { return o.SHA256 != "" || len(o.Digests) > 0 }
