package mirror

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
)

// appendBinary renders a value as ClickHouse's RowBinary format has it: numbers in
// little endian, texts after their length as a varint, and before a Nullable 1 for NULL.
// A value that is not of the column's type is an error, never another value.
func appendBinary(b []byte, c Column, v any) ([]byte, error) {
	kind, nullable := strings.CutPrefix(c.Kind, "Nullable(")
	if nullable {
		kind = strings.TrimSuffix(kind, ")")
		if v == nil {
			return append(b, 1), nil
		}
		b = append(b, 0)
	}
	switch v := v.(type) {
	case string:
		if kind == "String" {
			return append(binary.AppendUvarint(b, uint64(len(v))), v...), nil
		}
	case int64:
		if kind == "Int64" {
			return binary.LittleEndian.AppendUint64(b, uint64(v)), nil
		}
	case uint64:
		if kind == "UInt64" {
			return binary.LittleEndian.AppendUint64(b, v), nil
		}
	case float64:
		if kind == "Float64" {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(v)), nil
		}
	case bool:
		if kind == "UInt8" && v {
			return append(b, 1), nil
		} else if kind == "UInt8" {
			return append(b, 0), nil
		}
	case time.Time:
		if kind == moment {
			return binary.LittleEndian.AppendUint32(b, uint32(v.Unix())), nil
		}
	}
	return b, fmt.Errorf("column %s of type %s: %T does not fit", c.Name, c.Kind, v)
}
