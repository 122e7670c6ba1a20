package columnar

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// contacts makes ten-column rows; size is their weight as CSV.
func contacts(n int) (rows [][][]byte, size int64) {
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 3+rnd.IntN(8))
		for i := range b {
			b[i] = "etaoinshrdlu"[rnd.IntN(12)]
		}
		return string(b)
	}
	for i := range n {
		var cells [][]byte
		for _, c := range []string{
			fmt.Sprintf("c-%07d", i), word(), word(), word() + "." + word() + "@example.com", fmt.Sprintf("+49%09d", rnd.IntN(1e9)),
			[]string{"DE", "US", "FR"}[rnd.IntN(3)], fmt.Sprintf("2026-%02d-%02dT%02d:%02d:00Z", rnd.IntN(12)+1, rnd.IntN(28)+1, rnd.IntN(24), rnd.IntN(60)),
			fmt.Sprintf("%d.%02d", rnd.IntN(10000), rnd.IntN(100)), word() + " " + word() + ", \"" + word() + "\"\n" + word() + " " + word(), "active",
		} {
			cells = append(cells, []byte(c))
			size += int64(len(c)) + 1
		}
		rows = append(rows, cells)
	}
	return rows, size
}

const benchRows = 8192

// BenchmarkStage is cells to object, all of it: build, encode, hash.
func BenchmarkStage(b *testing.B) {
	rows, size := contacts(benchRows)
	bl := NewBuilder(make([]string, 10))
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		for i, r := range rows {
			bl.Append(int64(i), int64(i), int64(i), r)
		}
		rec := bl.Finish()
		if _, _, err := Encode(rec); err != nil {
			b.Fatal(err)
		}
		rec.Release()
	}
}

func BenchmarkBuild(b *testing.B) {
	rows, size := contacts(benchRows)
	bl := NewBuilder(make([]string, 10))
	b.SetBytes(size)
	for b.Loop() {
		for i, r := range rows {
			bl.Append(int64(i), int64(i), int64(i), r)
		}
		bl.Finish().Release()
	}
}

// BenchmarkDecode is object to cells, each of them looked at.
func BenchmarkDecode(b *testing.B) {
	rows, size := contacts(benchRows)
	bl := NewBuilder(make([]string, 10))
	for i, r := range rows {
		bl.Append(int64(i), int64(i), int64(i), r)
	}
	data, sum, err := Encode(bl.Finish())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		batch, err := Decode(data, sum)
		if err != nil {
			b.Fatal(err)
		}
		total := 0
		for i := range batch.Rows() {
			for col := range batch.Header() {
				total += len(batch.Cell(col, i)) + 1
			}
		}
		if int64(total) != size {
			b.Fatalf("%d bytes of cells, want %d", total, size)
		}
		batch.Release()
	}
	b.ReportMetric(float64(size)/float64(len(data)), "ratio")
}
