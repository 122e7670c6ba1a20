package csvscan

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"bulkhead/internal/bulk"
)

// contacts makes rows like those of an address book: ten columns, about 144 bytes,
// some notes with quotes, delimiters and newlines.
func contacts(rows int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("id,email,first_name,last_name,phone,country,created_at,balance,company,notes\n")
	for i := range rows {
		notes := "prefers to be called after lunch"
		switch random.IntN(10) {
		case 0:
			notes = "\"said \"\"call me\"\", then\nhung up, twice\""
		case 1, 2:
			notes = "\"Main Street 5, second floor\""
		case 3:
			notes = "Grüße aus Köln"
		}
		fmt.Fprintf(&b, "c-%07d,person.%d@example.com,Maria,Gonzalez-%d,+49 30 %07d,DE,2024-03-%02dT10:20:30Z,%d.%02d,Example Trading Ltd,%s\n",
			i, i, random.IntN(1000), random.IntN(1e7), 1+random.IntN(28), random.IntN(1e5), random.IntN(100), notes)
	}
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	data := contacts(50_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s := New(bytes.NewReader(data), Config{Dialect: bulk.Dialect{Delimiter: ',', Quote: '"', Escape: '"'}})
		cells := 0
		for {
			r, err := s.Next()
			if err == io.EOF {
				break
			}
			if err != nil || r.Code != "" {
				b.Fatal(r, err)
			}
			cells += len(r.Cells)
		}
		if cells != 500_010 {
			b.Fatalf("got %d cells", cells)
		}
	}
}

func BenchmarkEncodingCSV(b *testing.B) {
	data := contacts(50_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(data))
		r.ReuseRecord = true
		cells := 0
		for {
			record, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			cells += len(record)
		}
		if cells != 500_010 {
			b.Fatalf("got %d cells", cells)
		}
	}
}
