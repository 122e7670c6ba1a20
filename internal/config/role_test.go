package config

import (
	"testing"

	"bulkhead/internal/bulk"
)

func TestBatchRowsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		rows int
		want bulk.Kind
	}{
		{0, ""}, // the default
		{1, ""},
		{8192, ""},
		{-1, bulk.KindInvalid},
		{8193, bulk.KindInvalid},
	} {
		c := RoleConfig{ClusterSecret: "sixteen bytes or so", Objects: "file:///objects", Brokers: []string{"kafka:9092"}, BatchRows: tt.rows}
		if err := c.Check("ingest"); bulk.KindOf(err) != tt.want {
			t.Errorf("%d rows: %v, want kind %q", tt.rows, err, tt.want)
		}
	}
}
