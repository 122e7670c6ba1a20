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
		{bulk.MaxBatchRows, ""},
		{-1, bulk.KindInvalid},
		{bulk.MaxBatchRows + 1, bulk.KindInvalid},
	} {
		c := RoleConfig{ClusterSecret: "sixteen bytes or so", Objects: "file:///objects", Brokers: []string{"kafka:9092"}, BatchRows: tt.rows}
		if err := c.Check(bulk.RoleIngest); bulk.KindOf(err) != tt.want {
			t.Errorf("%d rows: %v, want kind %q", tt.rows, err, tt.want)
		}
	}
}

func TestProfilesAreServedOnLoopbackOnly(t *testing.T) {
	for address, allowed := range map[string]bool{
		"": true, "127.0.0.1:6060": true, "[::1]:0": true,
		":6060": false, "0.0.0.0:6060": false, "10.0.0.1:6060": false, "[::]:6060": false, "127.0.0.1": false, "localhost:6060": false,
	} {
		c := RoleConfig{Objects: "file:///tmp", ClusterSecret: "0123456789abcdef", Pprof: address}
		if err := c.Check(bulk.RoleProcessor); (err == nil) != allowed || err != nil && bulk.KindOf(err) != bulk.KindInvalid {
			t.Errorf("%q: %v, want allowed %v", address, err, allowed)
		}
	}
}
