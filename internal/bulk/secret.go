package bulk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
)

// An API key's secret is "bhk_", eight characters that lists show, "_" and 256
// random bits. The fixed head lets secret scanners find leaked keys.
var secretShape = regexp.MustCompile(`^bhk_[0-9a-hjkmnp-tv-z]{8}_[A-Za-z0-9_-]{43}$`)

// NewSecret makes an API key: the secret, which is shown once and never stored, and
// its public prefix for [APIKey.Prefix].
func NewSecret() (secret, prefix string) {
	var b [5]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	prefix = "bhk_" + crockford.EncodeToString(b[:])
	return prefix + "_" + NewToken(), prefix
}

// NewToken makes the secret of a session or login link: 256 random bits in 43
// characters that are safe in URLs and cookies.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ValidSecret reports whether s has the shape of an API key.
func ValidSecret(s string) bool { return secretShape.MatchString(s) }

// SecretPrefix returns the public prefix of a secret that is valid.
func SecretPrefix(secret string) string { return secret[:12] }

// HashSecret returns the hex SHA-256 of an API key or token: the only form in which
// one is stored or looked up. Secrets are random, so a fast hash is enough.
func HashSecret(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
