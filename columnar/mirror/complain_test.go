package mirror

import (
	"errors"
	"log/slog"
	"testing"

	"bulkhead/internal/bulk"
)

// What was complained of is remembered, but not for ever.
func TestComplaintsAreSaidOnceAndBounded(t *testing.T) {
	m := &Mirror{cfg: Config{Log: slog.New(slog.DiscardHandler)}, complain: map[bulk.BatchID]struct{}{}}
	for n := range int64(2*mostComplaints + 1) {
		m.left(t.Context(), bulk.BatchID{Import: "imp_1", No: n}, errors.New("gone"))
	}
	if len(m.complain) > mostComplaints {
		t.Errorf("%d complaints are remembered", len(m.complain))
	}
}
