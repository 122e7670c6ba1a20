package bulk

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// Identifiers are opaque to callers. They begin with a prefix that names their
// kind, sort by creation time, and carry 80 random bits.
type (
	// AccountID names a tenant: the fairness key and the first part of every table key.
	AccountID string
	// UserID names a person who signs in to the console.
	UserID string
	// KeyID names an API key; it is public, unlike the key's secret.
	KeyID string
	// ImportID names one file going into one dataset of one account.
	ImportID string
	// NodeID names one running process.
	NodeID string
	// DatasetName names a dataset; it is also part of a table name, see [Spec].
	DatasetName string
)

// NewAccountID returns a fresh identifier.
func NewAccountID() AccountID { return AccountID(newID("acc")) }

// NewUserID returns a fresh identifier.
func NewUserID() UserID { return UserID(newID("usr")) }

// NewKeyID returns a fresh identifier.
func NewKeyID() KeyID { return KeyID(newID("key")) }

// NewImportID returns a fresh identifier.
func NewImportID() ImportID { return ImportID(newID("imp")) }

// NewNodeID returns a fresh identifier for a process in the given role.
func NewNodeID(role Role) NodeID { return NodeID(newID(string(role))) }

// crockford is base 32 without the letters that people misread, lower case.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID renders 48 bits of milliseconds and 80 random bits, so that identifiers
// sort by age and a list can page by them.
func newID(prefix string) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(time.Now().UnixMilli())<<16)
	rand.Read(b[6:]) // never fails, see crypto/rand
	return prefix + "_" + crockford.EncodeToString(b[:])
}

// ValidID reports whether s has the shape of an identifier with the prefix. It
// lets handlers refuse nonsense before it reaches a query.
func ValidID(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	_, err := crockford.DecodeString(rest)
	return err == nil
}
