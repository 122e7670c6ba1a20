package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// file is a CSV file of so many contacts, whose keys begin with a number. It is made
// while it is read, so that its size costs no memory, and its right outcome is known:
// of a hundred rows two break a rule and one repeats the key of the row before it.
type file struct {
	dataset
	first, rows int64
}

var countries = []string{"DE", "FR", "GB", "US", "JP", "SE", "BR"}

func isBroken(i int64) bool { return i%50 == 49 }
func isRepeat(i int64) bool { return i%100 == 51 } // never the first of a batch of 500 or 8,192

// outcome is what importing the file must report.
func (f file) outcome() counts {
	c := counts{Read: f.rows}
	for i := range f.rows {
		switch {
		case isBroken(i):
			c.Rejected++
		case isRepeat(i):
			c.Superseded++
		default:
			c.Created++
		}
	}
	return c
}

// open returns the file's text.
func (f file) open() io.Reader {
	return &reader{file: f, text: []byte(f.header()), tail: strings.Repeat(",ab", f.more) + "\n"}
}

// reader makes a file's text as it is read.
type reader struct {
	file
	next int64 // row
	text []byte
	tail string // of every row
}

const chunk = 1000 // rows

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		if r.next == r.rows {
			return 0, io.EOF
		}
		r.text = r.text[:0]
		for end := min(r.next+chunk, r.rows); r.next < end; r.next++ {
			r.text = append(appendRow(r.text, r.first, r.next), r.tail...)
		}
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	return n, nil
}

func appendRow(b []byte, first, i int64) []byte {
	key, country := first+i, countries[i%int64(len(countries))]
	if isRepeat(i) {
		key--
	}
	if isBroken(i) {
		country = "xx"
	}
	b = fmt.Appendf(b, "C%09d,Person %d of %d,p%d@example.com,+4940%d,%s,Hamburg,2021-03-04T05:06:07Z,%d.25,", key, i, first, i, 1_000_000+i%1_000_000, country, i%9000)
	b = strconv.AppendBool(b, i%3 == 0)
	if i%10 == 0 {
		return append(b, ",\"Said \"\"hello\"\", then\nleft\""...)
	}
	return append(b, ",Met at the fair; asked for an offer"...)
}
