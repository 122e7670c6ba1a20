package verify

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"

	"bulkhead/internal/bulk"
)

// hash stands for a key or the values of a row.
type hash [2]uint64

// hasher hashes within one run: its seeds are random.
type hasher struct {
	seeds [2]maphash.Seed
	buf   []byte
}

func newHasher() *hasher {
	return &hasher{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// row hashes values in the order of the columns. Values that read differently, or
// have another type, hash differently.
func (h *hasher) row(columns []bulk.Column, values []bulk.Value) (hash, error) {
	h.buf = h.buf[:0]
	for i, v := range values {
		var err error
		if h.buf, err = appendValue(h.buf, columns[i].Type, v); err != nil {
			return hash{}, fmt.Errorf("column %s: %w", columns[i].Name, err)
		}
	}
	return hash{maphash.Bytes(h.seeds[0], h.buf), maphash.Bytes(h.seeds[1], h.buf)}, nil
}

func (h *hasher) reject(row int64, code bulk.Code) uint64 {
	h.buf = append(binary.BigEndian.AppendUint64(h.buf[:0], uint64(row)), code...)
	return maphash.Bytes(h.seeds[0], h.buf)
}

// appendValue encodes a value, be it from the source or from JSON, in a way that no
// two values share and no value's encoding begins another's.
func appendValue(b []byte, t bulk.Type, v bulk.Value) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, 'n'), nil
	case bool:
		return strconv.AppendBool(append(b, 'b'), v), nil
	case string:
		b = binary.AppendUvarint(append(b, 's'), uint64(len(v)))
		return append(b, v...), nil
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v)), nil
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(v)), nil
	case json.Number:
		return appendNumber(b, t, v)
	}
	return b, fmt.Errorf("a %T is no value of a record", v)
}

func appendNumber(b []byte, t bulk.Type, n json.Number) ([]byte, error) {
	if t == bulk.TypeFloat {
		f, err := n.Float64()
		if err != nil {
			return b, err
		}
		return appendValue(b, t, f)
	}
	i, err := n.Int64()
	if err != nil {
		return b, err
	}
	return appendValue(b, t, i)
}
