package csvscan

import (
	"bytes"
	"slices"
)

// appendRecord appends the cells as the splitter reads them, without a line ending.
func (p *splitter) appendRecord(dst []byte, cells [][]byte) []byte {
	for i, cell := range cells {
		if i > 0 {
			dst = append(dst, p.delim)
		}
		dst = p.appendCell(dst, cell, len(cells) == 1 && len(cell) == 0)
	}
	return dst
}

// appendCell appends one cell, in quotes if it needs them or force says so.
func (p *splitter) appendCell(dst, cell []byte, force bool) []byte {
	if !force && !slices.ContainsFunc(cell, p.special) {
		return append(dst, cell...)
	}
	dst = append(dst, p.quote)
	for _, c := range cell {
		if c == p.quote || c == p.escape {
			dst = append(dst, p.escape)
		}
		dst = append(dst, c)
	}
	return append(dst, p.quote)
}

// special reports whether a cell with that character needs quotes.
func (p *splitter) special(c byte) bool {
	return c == p.delim || c == p.quote || c == '\n' || c == '\r'
}

// appendEscaped appends the text of a record that cannot be split so that a
// spreadsheet runs none of its cells. It goes by delimiters and line ends alone and adds no other
// character than ', so that the text is misread exactly as before; where ' itself
// has a meaning, the text stays as it is.
func (p *splitter) appendEscaped(dst, text []byte) []byte {
	return p.appendSegments(dst, text, func(dst, cell []byte) []byte {
		if formula(cell) >= 0 {
			dst = append(dst, '\'')
		}
		return append(dst, cell...)
	})
}

// appendUnescaped undoes appendEscaped.
func (p *splitter) appendUnescaped(dst, text []byte) []byte {
	return p.appendSegments(dst, text, func(dst, cell []byte) []byte {
		return append(dst, UnescapeFormula(cell)...)
	})
}

func (p *splitter) appendSegments(dst, text []byte, one func(dst, cell []byte) []byte) []byte {
	if p.quote == '\'' || p.delim == '\'' || p.escape == '\'' {
		return append(dst, text...)
	}
	for {
		end := bytes.IndexAny(text, string([]byte{p.delim, '\r', '\n'}))
		cell := text
		if end >= 0 {
			cell = text[:end]
		}
		if len(cell) > 0 && cell[0] == p.quote {
			dst, cell = append(dst, p.quote), cell[1:]
		}
		dst = one(dst, cell)
		if end < 0 {
			return dst
		}
		dst, text = append(dst, text[end]), text[end+1:]
	}
}
