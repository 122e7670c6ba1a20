package mirror

import (
	"errors"
	"log/slog"
	"testing"

	"bulkhead/internal/bulk"
)

// What was skipped is remembered, but not for ever.
func TestSkippedBatchesAreLoggedOnceAndBounded(t *testing.T) {
	m := &Mirror{cfg: Config{Log: slog.New(slog.DiscardHandler)}, logged: map[bulk.BatchID]struct{}{}}
	for n := range int64(2*maxLogged + 1) {
		m.skip(t.Context(), bulk.BatchID{Import: "imp_1", No: n}, errors.New("gone"))
	}
	if len(m.logged) > maxLogged {
		t.Errorf("%d skipped batches are remembered", len(m.logged))
	}
}
