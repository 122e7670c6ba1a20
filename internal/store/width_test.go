package store

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// Whatever types, order and texts a record has, one that is within the bounds can be
// stored: filled up to the last byte that [bulk.Width] allows, with a key of as many
// bytes as a key may have. PostgreSQL refuses some records just beyond them.
func TestEveryEngineHoldsWhatTheBoundsAllow(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		for seed := range uint64(12) {
			r := rand.New(rand.NewPCG(seed, 1))
			spec, record := full(r, bulk.DatasetName(fmt.Sprintf("full_%d", seed)))
			_, err := f.ApplyDataset(t.Context(), spec)
			f.must(err)
			imp, _, err := f.CreateImport(t.Context(), bulk.NewImport{Account: f.account, Dataset: spec.Name, Mode: bulk.ModeUpsert, Size: -1}, 0)
			f.must(err)
			f.stage(imp, 1)
			c := bulk.ValidatedBatch{Task: f.work(imp, 0), Records: bulk.Records{RowNo: []int64{1}, LineNo: []int64{2}, Keys: []string{"k"}, Values: [][]bulk.Value{record}}}
			for _, col := range spec.Columns {
				c.Records.Columns = append(c.Records.Columns, col.Name)
			}
			if n, err := f.Commit(t.Context(), c); err != nil || n.Created != 1 {
				t.Fatalf("seed %d, %d columns: %+v %v", seed, len(record), n, err)
			}
			p, err := f.Records(t.Context(), f.account, bulk.RecordQuery{Dataset: spec.Name, Limit: 1})
			f.must(err)
			for i, v := range p.Records[0].Values {
				if v != record[i] {
					t.Fatalf("seed %d: column %d (%s) is %.50v, want %.50v", seed, i, spec.Columns[i].Type, v, record[i])
				}
			}
		}
	})
}

// full makes a spec of some types in any order and a record that fills it to the bound.
func full(r *rand.Rand, name bulk.DatasetName) (spec bulk.Spec, record []bulk.Value) {
	spec = bulk.Spec{Name: name, Key: []string{"k0", "k1", "k2", "k3"}}
	var width bulk.Width
	add := func(name string, t bulk.Type, v bulk.Value) {
		spec.Columns = append(spec.Columns, bulk.Column{Name: name, Type: t})
		record = append(record, v)
		width.Add(t, v)
	}
	room := bulk.MaxKeyBytes
	for i, t := range []bulk.Type{bulk.TypeInteger, bulk.TypeDecimal, bulk.TypeBoolean} {
		v := value(r, t)
		add(spec.Key[i], t, v)
		room -= len(fmt.Sprint(v))
	}
	add("k3", bulk.TypeText, noise(r, room))
	var types []bulk.Type // some; an enum is a text
	for len(types) == 0 {
		for _, t := range bulk.Types {
			if t != bulk.TypeEnum && r.IntN(3) == 0 {
				types = append(types, t)
			}
		}
	}
	for i := range bulk.MaxColumns - 4 {
		t := types[r.IntN(len(types))]
		v := value(r, t)
		next := width
		if next.Add(t, v); next.Size() > bulk.MaxRowBytes {
			v = nil
		}
		add(fmt.Sprintf("c%d", i), t, v)
	}
	return spec, record
}

// value makes one of any length that matters: inline, compressible, moved out.
func value(r *rand.Rand, t bulk.Type) bulk.Value {
	switch t {
	case bulk.TypeInteger:
		return r.Int64()
	case bulk.TypeFloat:
		return r.NormFloat64()
	case bulk.TypeBoolean:
		return r.IntN(2) == 0
	case bulk.TypeDate:
		return fmt.Sprintf("%04d-%02d-%02d", 1+r.IntN(9999), 1+r.IntN(12), 1+r.IntN(28))
	case bulk.TypeTimestamp:
		return fmt.Sprintf("%04d-%02d-%02dT%02d:59:59.%06dZ", 1+r.IntN(9999), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(1e6))
	case bulk.TypeDecimal:
		digits, scale := 1+r.IntN(38), r.IntN(38)
		s := strings.Repeat("7", digits)
		if scale < digits && scale > 0 {
			s = s[:scale] + "." + s[scale:]
		}
		return s
	case bulk.TypeJSON:
		return `"` + noise(r, r.IntN(40)) + `"`
	}
	switch r.IntN(3) {
	case 0:
		return strings.Repeat("ab", 1+r.IntN(200)) // compresses
	case 1:
		return noise(r, 1+r.IntN(30))
	default:
		return noise(r, 1+r.IntN(3000))
	}
}

// noise is text that does not compress.
func noise(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.RawURLEncoding.EncodeToString(b)[:n]
}
