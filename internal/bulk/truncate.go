package bulk

import "unicode/utf8"

// MaxValue bounds the cells that examples and messages quote, in bytes.
const MaxValue = 120

// MaxName bounds the name of a file, an account or a key, in characters.
const MaxName = 255

// Truncate shortens s to MaxValue bytes at a rune boundary.
func Truncate(s string) string { return TruncateTo(s, MaxValue) }

// TruncateTo shortens s to that many bytes at a rune boundary.
func TruncateTo(s string, end int) string {
	if len(s) <= end {
		return s
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
