package mirror

import (
	"fmt"
	"testing"

	"bulkhead/internal/bulk"
)

// One batch larger than what engines buffer of a statement, full of what could be
// taken for an end of it.
func TestLargeBatchesArriveWhole(t *testing.T) {
	onEngines(t, func(t *testing.T, w *world) {
		w.must(w.SetQuota(t.Context(), w.account, 100_000))
		const n = 8000
		rows := make([][]bulk.Value, n)
		for i := range rows {
			rows[i] = thing(fmt.Sprintf("%05d;\n]\n--", i), int64(i)*2897, fmt.Sprintf("; INSERT\n%c\u2028\x00 'é\\", rune(i%0xd7ff)))
		}
		imp := w.begin(bulk.ModeUpsert, "things", all, n)
		w.commit(imp, 0, rows...)
		w.must(w.mirror(nil).sweep(t.Context()))
		w.wantEqual("things")
	})
}
