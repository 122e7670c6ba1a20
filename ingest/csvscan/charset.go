package csvscan

import (
	"bytes"
	"unicode/utf8"
)

// charset guesses the encoding of a file's first bytes and whether they begin with a
// byte order mark. It leaves UTF-8 only with good evidence: a wrong guess would change
// data, while UTF-8 that is none is rejected row by row with a hint.
func charset(sample []byte, whole bool) (name string, bom bool) {
	switch {
	case bytes.HasPrefix(sample, byteOrderMark):
		return utf8Name, true
	case bytes.HasPrefix(sample, []byte("\xFF\xFE")):
		return utf16LEName, true
	case bytes.HasPrefix(sample, []byte("\xFE\xFF")):
		return utf16BEName, true
	case wide(sample, 1):
		return utf16LEName, false
	case wide(sample, 0):
		return utf16BEName, false
	}
	if !whole {
		sample = completeRunes(sample)
	}
	switch good, stray := sequences(sample); {
	case stray == 0 || good >= stray:
		return utf8Name, false
	case looksShiftJIS(sample):
		return shiftJISName, false
	case good == 0 && looksWestern(sample):
		return windows1252Name, false
	}
	return utf8Name, false
}

// wide reports whether the sample is UTF-16 of mostly ASCII text, its zero bytes at
// even (0) or odd (1) places.
func wide(sample []byte, zeroes int) bool {
	units := len(sample) / 2
	var zero, other, ends int
	for i := range units {
		high, low := sample[2*i+zeroes], sample[2*i+1-zeroes]
		switch {
		case low == 0:
			other++
		case high == 0:
			zero++
			if low == '\n' || low == '\r' {
				ends++
			}
		}
	}
	return units >= 4 && ends > 0 && zero*10 >= units*7 && other*100 <= units
}

// completeRunes cuts off a rune that the sample's end may have cut.
func completeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= 0 && i >= len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
			}
			break
		}
	}
	return b
}

// sequences counts the runes beyond ASCII that are valid UTF-8 and the bytes that are not.
func sequences(b []byte) (good, stray int) {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			stray++
		case n > 1:
			good++
		}
		b = b[n:]
	}
	return good, stray
}

// looksWestern reports whether every byte beyond ASCII is what people write in western
// European languages, at least two of them letters inside a word.
func looksWestern(b []byte) bool {
	inWords := 0
	for i, c := range b {
		switch {
		case c < utf8.RuneSelf:
		case c >= 0xC0 && c != 0xD7 && c != 0xF7 && c < 0xFE:
			if letter(b, i-1) || letter(b, i+1) {
				inWords++
			}
		case bytes.IndexByte([]byte("\x80\x84\x85\x8A\x8C\x8E\x91\x92\x93\x94\x95\x96\x97\x99\x9A\x9C\x9E\x9F\xA0\xA1\xA3\xA7\xA9\xAA\xAB\xAE\xB0\xB2\xB3\xB4\xB5\xB7\xBA\xBB\xBF"), c) < 0:
			return false
		}
	}
	return inWords >= 2
}

func letter(b []byte, i int) bool {
	return i >= 0 && i < len(b) && (b[i] >= 'a' && b[i] <= 'z' || b[i] >= 'A' && b[i] <= 'Z')
}

// looksShiftJIS reports whether the bytes are valid Shift-JIS, at least two characters
// of two bytes and most of those in the rows of kana and common kanji, which western
// text hardly ever has.
func looksShiftJIS(b []byte) bool {
	pairs, common := 0, 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case c < 0x80 || c >= 0xA1 && c <= 0xDF: // ASCII, half-width katakana
		case c == 0x80 || c == 0xA0 || c > 0xFC:
			return false
		case i+1 == len(b): // cut
		case b[i+1] < 0x40 || b[i+1] == 0x7F || b[i+1] > 0xFC:
			return false
		default:
			if pairs++; c <= 0x9F {
				common++
			}
			i++
		}
	}
	return pairs >= 2 && common*2 > pairs
}
