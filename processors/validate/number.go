package validate

import (
	"cmp"
	"errors"
	"math"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// maxDigits is the precision of a decimal: digits before and after the point together.
const maxDigits = 38

func parseInteger(s string) (bulk.Value, bulk.Code) {
	digits := strings.TrimPrefix(s, "-")
	if digits == s {
		digits = strings.TrimPrefix(s, "+")
	}
	if !isDigits(digits) {
		return nil, bulk.CodeInvalidInteger
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, bulk.CodeOutOfRange
	}
	return n, ""
}

func parseDecimal(s string) (bulk.Value, bulk.Code) {
	d, code := canonicalDecimal(s)
	if code != "" {
		return nil, code
	}
	return d, ""
}

// canonicalDecimal drops a plus, leading zeros, and zeros at the end of the fraction.
// It never goes through a float, and shares the memory of s where it can.
func canonicalDecimal(s string) (string, bulk.Code) {
	unsigned, minus := strings.CutPrefix(s, "-")
	unsigned, plus := strings.CutPrefix(unsigned, "+")
	whole, fraction, point := strings.Cut(unsigned, ".")
	if minus && plus || whole+fraction == "" || whole != "" && !isDigits(whole) || fraction != "" && !isDigits(fraction) {
		return "", bulk.CodeInvalidDecimal
	}
	w, f := strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(w)+len(f) > maxDigits {
		return "", bulk.CodeOutOfRange
	}
	if w+f == "" {
		return "0", ""
	}
	if w == "" {
		w = "0"
	}
	if w == whole && f == fraction && point == (f != "") && !plus {
		return s, ""
	}
	if minus {
		w = "-" + w
	}
	if f == "" {
		return w, ""
	}
	return w + "." + f, ""
}

// compareDecimals orders two canonical decimals.
func compareDecimals(a, b string) int {
	a, minusA := strings.CutPrefix(a, "-")
	b, minusB := strings.CutPrefix(b, "-")
	if minusA != minusB {
		if minusA {
			return -1
		}
		return 1
	}
	if minusA {
		a, b = b, a
	}
	wholeA, fractionA, _ := strings.Cut(a, ".")
	wholeB, fractionB, _ := strings.Cut(b, ".")
	return cmp.Or(cmp.Compare(len(wholeA), len(wholeB)), strings.Compare(wholeA, wholeB), strings.Compare(fractionA, fractionB))
}

// parseFloat takes decimal notation only: no NaN, no infinity, no hexadecimal.
func parseFloat(s string) (bulk.Value, bulk.Code) {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return nil, bulk.CodeInvalidFloat
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if errors.Is(err, strconv.ErrRange) || math.IsInf(f, 0) {
		return nil, bulk.CodeOutOfRange
	}
	if err != nil {
		return nil, bulk.CodeInvalidFloat
	}
	return f + 0, "" // -0 + 0 is 0
}

// isDigits reports whether s is one ASCII digit or more.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
