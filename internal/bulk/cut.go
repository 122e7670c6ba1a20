package bulk

import "unicode/utf8"

// MaxValue bounds the cells that examples and messages quote, in bytes.
const MaxValue = 120

// MaxName bounds the name of a file, an account or a key, in characters.
const MaxName = 255

// Cut shortens s to MaxValue bytes at a rune boundary.
func Cut(s string) string { return CutTo(s, MaxValue) }

// CutTo shortens s to that many bytes at a rune boundary.
func CutTo(s string, end int) string {
	if len(s) <= end {
		return s
	}
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
