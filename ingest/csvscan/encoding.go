package csvscan

import (
	"bytes"
	"io"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"bulkhead/internal/bulk"
)

// The encodings that [bulk.Dialect] may name.
const (
	utf8Name        = "utf-8"
	utf16LEName     = "utf-16le"
	utf16BEName     = "utf-16be"
	windows1252Name = "windows-1252"
	latin1Name      = "iso-8859-1"
	shiftJISName    = "shift_jis"
)

var encodings = map[string]encoding.Encoding{
	utf16LEName:     unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	utf16BEName:     unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	windows1252Name: charmap.Windows1252,
	latin1Name:      charmap.ISO8859_1,
	shiftJISName:    japanese.ShiftJIS,
}

// Decode returns the text of r as UTF-8. A byte order mark stays in it: the [Scanner]
// drops it, whatever the encoding. What is not valid in the encoding becomes bytes
// that are not valid UTF-8 either, so that its row is rejected and not quietly changed.
func Decode(r io.Reader, d bulk.Dialect) io.Reader {
	e, ok := encodings[d.Encoding]
	if !ok {
		return r
	}
	return transform.NewReader(r, transform.Chain(e.NewDecoder(), exposer{}))
}

var (
	replacement = []byte("\uFFFD")       // what a decoder puts for what it cannot read
	exposed     = []byte("\xFF\xFF\xFF") // as long, and never valid
)

// exposer turns replacement characters into invalid bytes.
type exposer struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (exposer) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	n := min(len(dst), len(src))
	err = transform.ErrShortDst
	if n == len(src) {
		err = nil
	}
	// A replacement character that is cut waits for its rest.
	for cut := 1; cut < len(replacement); cut++ {
		if bytes.HasSuffix(src[:n], replacement[:cut]) && (n < len(src) || !atEOF) {
			n -= cut
			if err == nil {
				err = transform.ErrShortSrc
			}
			break
		}
	}
	copy(dst, src[:n])
	for at := 0; ; at += len(exposed) {
		i := bytes.Index(dst[at:n], replacement)
		if i < 0 {
			return n, n, err
		}
		at += i
		copy(dst[at:], exposed)
	}
}
