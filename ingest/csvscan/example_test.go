package csvscan_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
)

// A file is sniffed, then read; a record that cannot be read is one with a code, and
// the next one is read as if nothing had been.
func Example() {
	file := "id;name\n1;Ann\n2;\"Bo\" Lind\n3;\"Cruz; Eva\"\n"
	dialect, err := csvscan.Sniff([]byte(file), true, bulk.DialectChoice{})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := csvscan.New(csvscan.Decode(strings.NewReader(file), dialect), csvscan.Config{Dialect: dialect})
	first, err := s.Next()
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := csvscan.Header(first, dialect, bulk.DefaultLimits())
	fmt.Println(names, err)
	for {
		rec, err := s.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("line %d: code %q, %q\n", rec.Line, rec.Code, rec.Cells)
	}
	// Output:
	// [id name] <nil>
	// line 2: code "", ["1" "Ann"]
	// line 3: code "bad_quote", []
	// line 4: code "", ["3" "Cruz; Eva"]
}
