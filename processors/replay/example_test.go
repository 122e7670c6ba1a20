package replay_test

import (
	"context"
	"fmt"

	"bulkhead/columnar"
	"bulkhead/internal/bulk"
	"bulkhead/processors/replay"
)

// oneObject is a store of one staged batch.
type oneObject []byte

func (o oneObject) Get(context.Context, string) ([]byte, error) { return o, nil }

// A staged batch is read again: what is wrong with its rows is found anew.
func Example() {
	header := []string{"id", "born"}
	b := columnar.NewBuilder(header)
	b.Append(1, 2, 8, [][]byte{[]byte("1"), []byte("2026-01-05")})
	b.Append(2, 3, 21, [][]byte{[]byte("2"), []byte("2026-02-30")})
	rec := b.Finish()
	data, sum, err := columnar.Encode(rec)
	rec.Release()
	if err != nil {
		fmt.Println(err)
		return
	}
	task := bulk.BatchTask{
		Import: bulk.Import{ID: "i", Layout: &bulk.Layout{Header: header, Fields: header}},
		Batch:  bulk.Batch{Import: "i", No: 0, Object: "batches/i/0", SHA256: sum, Rows: bulk.Counts{Read: 2}},
		Spec: bulk.Spec{Name: "people", Key: []string{"id"}, Columns: []bulk.Column{
			{Name: "id", Type: bulk.TypeInteger}, {Name: "born", Type: bulk.TypeDate},
		}},
	}
	err = replay.NewReader(oneObject(data)).Read(context.Background(), task, func(b *replay.Batch) error {
		found := b.Validate()
		fmt.Println(found.Records.RowNo, "valid,", found.Rejected, "rejected:", found.RejectGroups[0].Code)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// [1] valid, 1 rejected: invalid_date
}
