// Package digest reads what a sender says of its bytes' integrity and checks it.
//
//	Content-Digest, Repr-Digest  RFC 9530: sha-512=:…:, sha-256=:…:
//	Digest                       RFC 3230, which the two replace: SHA-256=…
//	Content-MD5                  RFC 1864
//	Upload-Checksum              tus 1.0: sha1 …
//
// A digest of the content is of what one request carries, a digest of the
// representation is of the whole file. Algorithms that are not known are passed over, as
// RFC 9530 asks; what cannot be read is refused, since nobody sends a digest in order
// not to have it checked.
package digest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"hash/adler32"
	"hash/crc32"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"

	"bulkhead/internal/bulk"
)

// Set is digests of the same bytes by algorithm, named as RFC 9530 names them; crc32 has
// no name there and is called so.
type Set map[string][]byte

var algorithms = map[string]func() hash.Hash{
	"sha-512": sha512.New,
	"sha-256": sha256.New,
	"sha":     sha1.New,
	"md5":     md5.New,
	"crc32c":  func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
	"crc32":   func() hash.Hash { return crc32.NewIEEE() },
	"adler":   func() hash.Hash { return adler32.New() },
}

// tusNames are the names that tus has for some of them.
var tusNames = map[string]string{"sha1": "sha", "md5": "md5", "sha256": "sha-256", "sha512": "sha-512", "crc32": "crc32"}

// TusAlgorithms is the value of Tus-Checksum-Algorithm.
func TusAlgorithms() string {
	return strings.Join(slices.Sorted(maps.Keys(tusNames)), ",")
}

// New returns the algorithm's hash, whose state can be marshalled; nil for an unknown one.
func New(algorithm string) hash.Hash {
	if make := algorithms[algorithm]; make != nil {
		return make()
	}
	return nil
}

// Content returns what a request's header says of its content; nil when it says nothing.
func Content(h http.Header) (Set, error) {
	return read(h, fields(h, "Content-Digest"), contentMD5, checksum)
}

// Representation returns what a request's header says of the whole file; nil when it
// says nothing.
func Representation(h http.Header) (Set, error) {
	return read(h, fields(h, "Repr-Digest"), legacy)
}

// InTrailer reports whether a digest comes after the content, where it is too late.
func InTrailer(trailer http.Header) (name string, is bool) {
	for _, name := range []string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5", "Upload-Checksum"} {
		if _, is := trailer[name]; is {
			return name, true
		}
	}
	return "", false
}

func read(h http.Header, parts ...func(http.Header, Set) error) (Set, error) {
	s := Set{}
	for _, part := range parts {
		if err := part(h, s); err != nil {
			return nil, err
		}
	}
	if len(s) == 0 {
		return nil, nil
	}
	return s, nil
}

// Add puts one digest into the set. One of an unknown algorithm is passed over; one of
// the wrong length, and a second one that differs, are refused.
func (s Set) Add(field, algorithm string, sum []byte) error {
	h := New(algorithm)
	switch {
	case h == nil:
		return nil
	case len(sum) != h.Size():
		return bulk.Errorf(bulk.KindInvalid, "bad_digest", "%s has %d bytes for %s, which has %d.", field, len(sum), algorithm, h.Size())
	case s[algorithm] != nil && !bytes.Equal(s[algorithm], sum):
		return bulk.Errorf(bulk.KindInvalid, "bad_digest", "%s says another %s than the rest of the request.", field, algorithm)
	}
	s[algorithm] = sum
	return nil
}

func unreadable(field, example string) error {
	return bulk.Errorf(bulk.KindInvalid, "bad_digest", "%s cannot be read; write for example %s.", field, example)
}

// fields reads a dictionary of RFC 9530.
func fields(h http.Header, name string) func(http.Header, Set) error {
	return func(_ http.Header, s Set) error {
		values := h.Values(name)
		if len(values) == 0 {
			return nil
		}
		dictionary, err := httpsfv.UnmarshalDictionary(values)
		if err != nil {
			return unreadable(name, "sha-256=:"+exampleSum+":")
		}
		for _, algorithm := range dictionary.Names() {
			member, _ := dictionary.Get(algorithm)
			item, ok := member.(httpsfv.Item)
			sum, bytes := item.Value.([]byte)
			if !ok || !bytes {
				if New(algorithm) == nil {
					continue
				}
				return unreadable(name, "sha-256=:"+exampleSum+":")
			}
			if err := s.Add(name, algorithm, sum); err != nil {
				return err
			}
		}
		return nil
	}
}

const exampleSum = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="

// legacy reads the list of RFC 3230, in which names have no case.
func legacy(h http.Header, s Set) error {
	for _, value := range h.Values("Digest") {
		for element := range strings.SplitSeq(value, ",") {
			algorithm, code, _ := strings.Cut(strings.TrimSpace(element), "=")
			algorithm = strings.ToLower(algorithm)
			if New(algorithm) == nil || algorithm == "adler" || algorithm == "crc32c" { // written otherwise there
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(code)
			if err != nil {
				return unreadable("Digest", "sha-256="+exampleSum)
			}
			if err := s.Add("Digest", algorithm, sum); err != nil {
				return err
			}
		}
	}
	return nil
}

func contentMD5(h http.Header, s Set) error {
	value := h.Get("Content-Md5")
	if value == "" {
		return nil
	}
	sum, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return unreadable("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
	}
	return s.Add("Content-MD5", "md5", sum)
}

// checksum reads tus's own, whose algorithm must be one of those that were announced.
func checksum(h http.Header, s Set) error {
	value := h.Get("Upload-Checksum")
	if value == "" {
		return nil
	}
	name, code, _ := strings.Cut(value, " ")
	algorithm := tusNames[name]
	if algorithm == "" {
		return bulk.Errorf(bulk.KindInvalid, "bad_digest", "Upload-Checksum is of %q; use one of %s.", name, TusAlgorithms())
	}
	sum, err := base64.StdEncoding.DecodeString(strings.TrimSpace(code))
	if err != nil {
		return unreadable("Upload-Checksum", "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=")
	}
	return s.Add("Upload-Checksum", algorithm, sum)
}

// Sum computes the set's digests of what is written to it.
type Sum struct {
	want   Set
	hashes map[string]hash.Hash
}

// NewSum begins to compute the digests that are wanted.
func NewSum(want Set) *Sum {
	s := &Sum{want: want, hashes: map[string]hash.Hash{}}
	for algorithm := range want {
		s.hashes[algorithm] = New(algorithm)
	}
	return s
}

// Write implements io.Writer and never fails.
func (s *Sum) Write(p []byte) (int, error) {
	for _, h := range s.hashes {
		h.Write(p)
	}
	return len(p), nil
}

// Mismatch returns the first algorithm whose digest is not the wanted one, "" for none.
func (s *Sum) Mismatch() string {
	for _, algorithm := range slices.Sorted(maps.Keys(s.want)) {
		if !bytes.Equal(s.hashes[algorithm].Sum(nil), s.want[algorithm]) {
			return algorithm
		}
	}
	return ""
}
