package csvscan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"

	"bulkhead/internal/bulk"
)

// splitter finds the cells and the end of one record in a buffer.
//
// Its speed rests on two things. It keeps the places of the next LF, CR, quote and NUL,
// each found by a vectorised search once and not again before it is passed, so that
// what a file does not contain costs next to nothing. And it looks for delimiters in
// the stretches between them, eight bytes at a time.
type splitter struct {
	delim, quote, escape byte

	// Of the buffer: where the next one stands, its length when there is none, or
	// something below the place asked for when that is not known.
	lf, cr, mark, nul int

	// Of the record.
	cells    [][]byte // room for as many cells as are kept
	n        int      // cells found, may exceed what is kept
	scratch  []byte   // holds cells that had to be unescaped
	stop     int      // end of its text
	after    int      // end of its line ending
	lines    int64    // line endings inside its quotes
	open     int      // where a quote stands open, -1: nowhere
	openLine int64    // lines before that
	bad      int      // where a quote is misplaced, -1: nowhere
}

func newSplitter(d bulk.Dialect, columns int) splitter {
	quote := byte(cmp.Or(d.Quote, '"'))
	return splitter{
		delim:  byte(cmp.Or(d.Delimiter, ',')),
		quote:  quote,
		escape: cmp.Or(byte(d.Escape), quote),
		lf:     -1, cr: -1, mark: -1, nul: -1,
		cells: make([][]byte, columns),
	}
}

// forget must be called when the buffer has changed.
func (p *splitter) forget() { p.lf, p.cr, p.mark, p.nul = -1, -1, -1, -1 }

// next splits the record that begins at from. It reports false when the buffer ends
// first; final says that the file ends with the buffer.
func (p *splitter) next(buf []byte, from int, final bool) bool {
	p.n, p.scratch, p.lines, p.open, p.bad = 0, p.scratch[:0], 0, -1, -1
	for start := from; ; {
		eol := p.endOfText(buf, start)
		if p.mark < start {
			p.mark = find(buf, start, p.quote)
		}
		start = p.cut(buf, start, min(eol, p.mark))
		if p.mark >= eol {
			p.add(buf[start:eol])
			return p.finish(buf, eol, final)
		}
		if p.mark != start {
			return p.recover(buf, p.mark, final)
		}
		cell, at, ok := p.quoted(buf, start, final)
		if !ok {
			return false
		}
		switch eol = p.endOfText(buf, at); {
		case at == eol:
			p.add(cell)
			return p.finish(buf, eol, final)
		case buf[at] != p.delim:
			return p.recover(buf, at, final)
		}
		p.add(cell)
		start = at + 1
	}
}

// cut adds the cells of buf[from:to], which has no quote or line ending, that a
// delimiter ends, and returns where the last one begins.
func (p *splitter) cut(buf []byte, from, to int) int {
	const low7, each = 0x7F7F7F7F7F7F7F7F, 0x0101010101010101
	cells, n, delims := p.cells, p.n, uint64(p.delim)*each
	for i := from; i < to; i += 8 {
		word := load(buf, i) ^ delims
		// The high bit of each byte that was a delimiter, exactly.
		hits := ^((word&low7 + low7) | word | low7)
		if to-i < 8 {
			hits &= 1<<(8*uint(to-i)) - 1
		}
		for ; hits != 0; hits &= hits - 1 {
			at := i + bits.TrailingZeros64(hits)>>3
			if n < len(cells) {
				cells[n] = buf[from:at:at]
			}
			n++
			from = at + 1
		}
	}
	p.n = n
	return from
}

// load returns the eight bytes at i as a word; those beyond the buffer may be anything.
func load(buf []byte, i int) uint64 {
	if i+8 <= len(buf) {
		return binary.LittleEndian.Uint64(buf[i:])
	}
	var word [8]byte
	copy(word[:], buf[i:])
	return binary.LittleEndian.Uint64(word[:])
}

func (p *splitter) add(cell []byte) {
	if p.n < len(p.cells) {
		p.cells[p.n] = cell
	}
	p.n++
}

// quoted reads the quoted cell at from. It returns the place behind its closing quote.
func (p *splitter) quoted(buf []byte, from int, final bool) (cell []byte, at int, ok bool) {
	p.open, p.openLine = from, p.lines
	escaped := false
	for at = from + 1; ; {
		i := find(buf, at, p.quote)
		switch {
		case i == len(buf) || i+1 == len(buf) && !final:
			return nil, 0, false
		case p.escape != p.quote && escapes(buf[at:i], p.escape):
			escaped, at = true, i+1
			continue
		case i+1 < len(buf) && buf[i+1] == p.quote:
			escaped, at = true, i+2
			continue
		}
		p.open = -1
		p.countLines(buf, from, i)
		cell = buf[from+1 : i : i]
		if escaped || p.escape != p.quote && bytes.IndexByte(cell, p.escape) >= 0 {
			cell = p.unescape(cell)
		}
		return cell, i + 1, true
	}
}

// escapes reports whether b ends in an escape character that is not itself escaped.
func escapes(b []byte, escape byte) bool {
	return (len(b)-len(bytes.TrimRight(b, string(rune(escape)))))%2 == 1
}

// unescape drops the first of two quotes and an escape character before a quote or
// itself; before anything else it is text.
func (p *splitter) unescape(cell []byte) []byte {
	from := len(p.scratch)
	for i := 0; i < len(cell); i++ {
		if c := cell[i]; (c == p.quote || c == p.escape) && i+1 < len(cell) && (cell[i+1] == p.quote || cell[i+1] == p.escape) {
			i++
		}
		p.scratch = append(p.scratch, cell[i])
	}
	return p.scratch[from:len(p.scratch):len(p.scratch)]
}

// countLines counts the line endings in buf[from:to].
func (p *splitter) countLines(buf []byte, from, to int) {
	for eol := p.endOfText(buf, from); eol < to; eol = p.endOfText(buf, from) {
		p.lines++
		from = endOfLine(buf, eol, true)
	}
}

// recover ends a record with a misplaced quote at the next line ending behind it.
func (p *splitter) recover(buf []byte, at int, final bool) bool {
	p.bad = at
	return p.finish(buf, p.endOfText(buf, at), final)
}

// finish notes where the record ends, if that is certain.
func (p *splitter) finish(buf []byte, eol int, final bool) bool {
	p.stop, p.after = eol, endOfLine(buf, eol, final)
	return p.after >= 0
}

// endOfText returns the place of the first LF or CR at or behind from.
func (p *splitter) endOfText(buf []byte, from int) int {
	if p.lf < from {
		p.lf = find(buf, from, '\n')
	}
	if p.cr < from {
		p.cr = find(buf, from, '\r')
	}
	return min(p.lf, p.cr)
}

// hasNUL reports whether there is a NUL in buf[from:to].
func (p *splitter) hasNUL(buf []byte, from, to int) bool {
	if p.nul < from {
		p.nul = find(buf, from, 0)
	}
	return p.nul < to
}

// endOfLine returns the place behind the line ending at eol, or -1 when bytes that
// are still to come may belong to it.
func endOfLine(buf []byte, eol int, final bool) int {
	switch {
	case eol == len(buf):
		if final {
			return eol
		}
		return -1
	case buf[eol] == '\n':
		return eol + 1
	case eol+1 < len(buf):
		if buf[eol+1] == '\n' {
			return eol + 2
		}
		return eol + 1
	case final:
		return eol + 1
	}
	return -1
}

// find returns the place of the first c at or behind from, len(buf) when there is none.
func find(buf []byte, from int, c byte) int {
	if i := bytes.IndexByte(buf[from:], c); i >= 0 {
		return from + i
	}
	return len(buf)
}
