package validate

import (
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

// fits holds a record's values against what every store can keep. What is too large is
// a row, not a column; of a key it is the first column.
func (v *Validator) fits(values []bulk.Value) (*column, bulk.Code) {
	if v.longKey && v.keyBytes(values) > bulk.MaxKeyBytes {
		return v.order[0], bulk.CodeKeyTooLarge
	}
	if v.wide && v.rowBytes(values) > bulk.MaxRowBytes {
		return nil, bulk.CodeRowTooLarge
	}
	return nil, ""
}

func (v *Validator) keyBytes(values []bulk.Value) (n int) {
	for _, c := range v.order[:v.keys] {
		n += len(keyText(values[c.out]))
	}
	return n
}

func (v *Validator) rowBytes(values []bulk.Value) int {
	var w bulk.Width
	for _, c := range v.order {
		w.Add(c.Type, values[c.out])
	}
	return w.Size()
}

// oversized is the message of a row that [Validator.fits] rejected.
func (v *Validator) oversized(code bulk.Code, values []bulk.Value) string {
	if code == bulk.CodeKeyTooLarge {
		return fmt.Sprintf("The key has %d bytes, but may have %d at most. Shorten it, or choose a shorter column as the key.", v.keyBytes(values), bulk.MaxKeyBytes)
	}
	return fmt.Sprintf("The row's values take %d bytes of a record, which holds %d at most. Leave some out, or spread them over two datasets.", v.rowBytes(values), bulk.MaxRowBytes)
}

// neverFits refuses a spec of which even the smallest record is too large.
func neverFits(columns []*column) error {
	var row bulk.Width
	key := 0
	for _, c := range columns {
		least := c.least()
		row.Add(c.Type, least)
		if c.key {
			key += len(keyText(least))
		}
	}
	if n := row.Size(); n > bulk.MaxRowBytes {
		return bulk.Errorf(bulk.KindInvalid, "bad_spec", "The dataset spec is not valid: its smallest record takes %d bytes, which is more than the %d that a record can hold. "+
			"Require fewer columns, or spread them over two datasets.", n, bulk.MaxRowBytes)
	}
	if key > bulk.MaxKeyBytes {
		return bulk.Errorf(bulk.KindInvalid, "bad_spec", "The dataset spec is not valid: its shortest key has %d bytes, which is more than the %d that a key may have. "+
			"Lower min_length, or choose another key.", key, bulk.MaxKeyBytes)
	}
	return nil
}

// least returns a value of the column that takes as little as any, nil where it may be null.
func (c *column) least() bulk.Value {
	if !c.key && !c.Required && c.fallback == nil {
		return nil
	}
	switch c.Type {
	case bulk.TypeInteger:
		return int64(0)
	case bulk.TypeFloat:
		return 0.0
	case bulk.TypeBoolean:
		return true
	case bulk.TypeEnum:
		least := c.Values[0]
		for _, v := range c.Values {
			if len(v) < len(least) {
				least = v
			}
		}
		return least
	}
	return blank[:min(max(1, c.MinLength), len(blank))]
}

// blank is longer than any key.
var blank = strings.Repeat(" ", bulk.MaxKeyBytes+1)
