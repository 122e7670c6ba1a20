package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
)

func TestContentAndRepresentation(t *testing.T) {
	sum := sha256.Sum256([]byte("abc"))
	code := base64.StdEncoding.EncodeToString(sum[:])
	for _, c := range []struct {
		field, value string
		algorithm    string // of the one digest that is read; "" for none
		bad          bool
	}{
		{"Content-Digest", "sha-256=:" + code + ":", "sha-256", false},
		{"Content-Digest", "sha-256=:" + code + ":, sha-1000=:AAAA:", "sha-256", false},
		{"Content-Digest", "sha-1000=:AAAA:", "", false},
		{"Content-Digest", "sha-1000=7", "", false},
		{"Content-Digest", "SHA-256=:" + code + ":", "", true},
		{"Content-Digest", "sha-256=" + code, "", true},
		{"Content-Digest", "sha-256=:AAAA:", "", true},
		{"Content-Digest", "sha-256=(:" + code + ":)", "", true},
		{"Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A==", "md5", false},
		{"Content-MD5", "rL0Y20zC", "", true},
		{"Upload-Checksum", "sha256 " + code, "sha-256", false},
		{"Upload-Checksum", "sha-256 " + code, "", true},
		{"Upload-Checksum", "sha256 !", "", true},
		{"Repr-Digest", "sha-256=:" + code + ":", "sha-256", false},
		{"Digest", "SHA-256=" + code + ", unixsum=30637", "sha-256", false},
		{"Digest", "sha-256=!", "", true},
	} {
		read := Content
		if c.field == "Repr-Digest" || c.field == "Digest" {
			read = Representation
		}
		h := http.Header{}
		h.Set(c.field, c.value)
		set, err := read(h)
		if (err != nil) != c.bad || (len(set) > 0) != (c.algorithm != "") || c.algorithm != "" && set[c.algorithm] == nil {
			t.Errorf("%s: %s gives %v, %v", c.field, c.value, set, err)
		}
	}
}

func TestTwoDigestsOfOneAlgorithmMustAgree(t *testing.T) {
	h := http.Header{}
	h.Set("Content-MD5", "rL0Y20zC+Fzt72VPzMSk2A==")
	h.Set("Content-Digest", "md5=:kAFQmDzST7DWlj99KOF/cg==:")
	if set, err := Content(h); err == nil {
		t.Errorf("got %v", set)
	}
}

func TestSum(t *testing.T) {
	sum := sha256.Sum256([]byte("abc"))
	for text, mismatch := range map[string]string{"abc": "", "abd": "sha-256", "": "sha-256"} {
		s := NewSum(Set{"sha-256": bytes.Clone(sum[:])})
		s.Write([]byte(text))
		if got := s.Mismatch(); got != mismatch {
			t.Errorf("%q: %q", text, got)
		}
	}
}
