package console

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// importStatus is an import with what its next batch waits for.
type importStatus struct {
	bulk.Import
	Wait     *bulk.Wait `json:"wait"`         // null when nothing of it waits
	LastByte *time.Time `json:"last_byte_at"` // when something of the file last came; null once it is complete
}

// lastBytes tells when something last came of each unfinished upload of the account. That
// it is not known must not cost the answer.
func (s *Server) lastBytes(ctx context.Context, account bulk.AccountID) map[bulk.ImportID]time.Time {
	silences, err := s.Imports.Silences(ctx, account)
	if err != nil {
		s.Logger.WarnContext(ctx, "silences of uploads cannot be read", "error", err)
	}
	out := map[bulk.ImportID]time.Time{}
	for id, silence := range silences {
		out[id] = time.Now().UTC().Add(-silence)
	}
	return out
}

// lastByteOf is lastBytes for one import; nil when its file is complete.
func (s *Server) lastByteOf(ctx context.Context, imp bulk.Import) *time.Time {
	if imp.Sealed || imp.State.Terminal() {
		return nil
	}
	if at, ok := s.lastBytes(ctx, imp.AccountID)[imp.ID]; ok {
		return &at
	}
	return nil
}

// waitOf tells why an import does not go on; nil when it does. Dispatchers know only
// batches that are due, so what stands in the way before that is told from the import.
func (s *Server) waitOf(ctx context.Context, imp bulk.Import) *bulk.Wait {
	w := &bulk.Wait{Import: imp.ID, Waiting: int(imp.Batches.Staged)}
	switch {
	case !imp.State.Active():
		return nil
	case imp.State == bulk.StatePaused:
		w.Reason = bulk.WaitsForPause
		return w
	case imp.Batches.Staged > 0:
		return s.askWait(ctx, imp, w)
	case !imp.Sealed:
		w.Reason = bulk.WaitsForFile
		return w
	}
	return nil
}

// askWait asks the dispatchers about an import with staged batches; unknown is the
// answer when none of them knows it.
func (s *Server) askWait(ctx context.Context, imp bulk.Import, unknown *bulk.Wait) *bulk.Wait {
	var waits []bulk.Wait
	var err error
	Await(ctx, func() { waits, err = s.Dispatchers.Waits(ctx, imp.AccountID) })
	if err != nil {
		s.Logger.WarnContext(ctx, "dispatchers do not tell what waits", "import", imp.ID, "error", err)
		return nil
	}
	for _, w := range waits {
		switch {
		case w.Import != imp.ID:
		case w.Waiting == 0 && w.Reason != bulk.WaitsForRetry:
			return nil // all that is left of it is in flight
		default:
			return &w
		}
	}
	unknown.Reason = bulk.WaitsForOwner
	return unknown
}
