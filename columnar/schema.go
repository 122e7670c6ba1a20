package columnar

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/metadata"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// The columns before the cells, by index.
const (
	colRow = iota
	colLine
	colOffset
	colCode
	colDetail
	colRaw
	fixedColumns
)

// The keys of the object's metadata.
const (
	metaVersion = "bulkhead.version"
	metaHeader  = "bulkhead.header"
)

// version is the only format there is; an object of another one is refused.
const version = "1"

// newSchema lays out a batch of a file with the given header.
func newSchema(header []string) *arrow.Schema {
	fields := []arrow.Field{
		colRow:    {Name: "_row", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		colLine:   {Name: "_line", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		colOffset: {Name: "_offset", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		colCode:   {Name: "_code", Type: arrow.BinaryTypes.String, Nullable: true},
		colDetail: {Name: "_detail", Type: arrow.BinaryTypes.String, Nullable: true},
		colRaw:    {Name: "_raw", Type: arrow.BinaryTypes.String, Nullable: true},
	}
	for i := range header {
		fields = append(fields, arrow.Field{Name: "c" + strconv.Itoa(i), Type: arrow.BinaryTypes.String, Nullable: true})
	}
	names, _ := json.Marshal(header) // strings always marshal
	meta := arrow.NewMetadata([]string{metaVersion, metaHeader}, []string{version, string(names)})
	return arrow.NewSchema(fields, &meta)
}

// parquetSchema is the same layout in the words of the file.
func parquetSchema(s *arrow.Schema) (*schema.GroupNode, error) {
	var nodes schema.FieldList
	for _, f := range s.Fields() {
		if f.Type.ID() == arrow.INT64 {
			nodes = append(nodes, schema.NewInt64Node(f.Name, parquet.Repetitions.Optional, -1))
			continue
		}
		n, err := schema.NewPrimitiveNodeLogical(f.Name, parquet.Repetitions.Optional, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return schema.NewGroupNode("batch", parquet.Repetitions.Required, nodes, -1)
}

// headerOf reads the header back from an object's metadata.
func headerOf(meta metadata.KeyValueMetadata) (header []string, err error) {
	if v := meta.FindValue(metaVersion); v == nil || *v != version {
		return nil, fmt.Errorf("not a batch of format version %s", version)
	}
	names := meta.FindValue(metaHeader)
	if names == nil {
		return nil, fmt.Errorf("no header in the metadata")
	}
	err = json.Unmarshal([]byte(*names), &header)
	return header, err
}
