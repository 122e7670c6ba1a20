package csvscan

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// signs start a formula, in their full-width forms too, which some spreadsheets fold.
const signs = "=+-@\uFF1D\uFF0B\uFF0D\uFF20"

// EscapeFormula returns the cell as a spreadsheet shows it without running it. It puts a '
// before a cell that begins with any number of ' and then TAB, CR or LF, or a sign that
// starts a formula, before which spreadsheets also skip blanks and what cannot be seen.
func EscapeFormula(cell string) string {
	if formula(cell) < 0 {
		return cell
	}
	return "'" + cell
}

// UnescapeFormula is the exact inverse of EscapeFormula. What it returns shares the
// cell's memory.
func UnescapeFormula(cell []byte) []byte {
	if formula(cell) > 0 {
		return cell[1:]
	}
	return cell
}

// formula returns the number of ' before what a spreadsheet would run, -1 when there is
// nothing of that kind.
func formula[T string | []byte](cell T) int {
	quotes := 0
	for quotes < len(cell) && cell[quotes] == '\'' {
		quotes++
	}
	for at := quotes; at < len(cell); {
		c := cell[at]
		if at == quotes && (c == '\t' || c == '\r' || c == '\n') {
			return quotes
		}
		if c > ' ' && c < 0x7F {
			if strings.IndexByte(signs, c) >= 0 {
				return quotes
			}
			return -1 // as almost all are
		}
		r, size := utf8.DecodeRuneInString(string(cell[at:min(at+utf8.UTFMax, len(cell))]))
		switch {
		case strings.ContainsRune(signs, r) && r != utf8.RuneError:
			return quotes
		case !unicode.In(r, unicode.White_Space, unicode.Cc, unicode.Cf):
			return -1
		}
		at += size
	}
	return -1
}
