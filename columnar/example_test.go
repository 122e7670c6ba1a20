package columnar_test

import (
	"fmt"

	"bulkhead/columnar"
)

// Rows become an object with a hash, and come back as they were.
func Example() {
	b := columnar.NewBuilder([]string{"id", "name"})
	b.Append(1, 2, 8, [][]byte{[]byte("1"), []byte("Ann")})
	b.Append(2, 3, 14, [][]byte{[]byte("2"), []byte("Bo")})
	rec := b.Finish()
	data, sum, err := columnar.Encode(rec)
	rec.Release()
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, err := columnar.Decode(data, sum)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer batch.Release()
	for i := range batch.Rows() {
		row, line, offset := batch.Row(i)
		fmt.Println(row, line, offset, batch.Cell(0, i), batch.Cell(1, i))
	}
	data[100] ^= 1
	_, err = columnar.Decode(data, sum)
	fmt.Println("damaged:", err != nil)
	// Output:
	// 1 2 8 1 Ann
	// 2 3 14 2 Bo
	// damaged: true
}
