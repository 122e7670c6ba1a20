package validate_test

import (
	"fmt"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/processors/validate"
)

// Cells propose a spec, which is then what rows are held against.
func Example() {
	header := []string{"id", "Signed up"}
	guess := validate.NewInferrer(header)
	guess.Add([][]byte{[]byte("1"), []byte("2026-01-05")})
	spec, err := guess.Spec("people", []string{"id"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range spec.Columns {
		fmt.Println(c.Name, c.Type)
	}

	v, err := validate.Compile(spec, bulk.Layout{Header: header, Fields: []string{"id", "signed_up"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := columnar.NewBuilder(header)
	b.Append(1, 2, 13, [][]byte{[]byte("2"), []byte("2026-02-11")})
	b.Append(2, 3, 26, [][]byte{[]byte("3"), []byte("2026-02-30")})
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
	result := v.Batch(batch)
	fmt.Println(len(result.Records.Keys), "valid,", result.Rejected, "rejected")
	for _, g := range result.RejectGroups {
		fmt.Println(g.Column, g.Code, g.Examples[0].Value)
	}
	// Output:
	// id integer
	// signed_up date
	// 1 valid, 1 rejected
	// Signed up invalid_date 2026-02-30
}
