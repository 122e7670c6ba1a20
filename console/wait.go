package console

import (
	"context"

	"bulkhead/internal/bulk"
)

// importStatus is an import with what its next batch waits for.
type importStatus struct {
	bulk.Import
	Wait *bulk.Wait `json:"wait"` // null when nothing of it waits
}

// waitOf tells why an import does not go on; nil when it does. Dispatchers know only
// batches that are due, so what stands in the way before that is told from the import.
func (s *Server) waitOf(ctx context.Context, imp bulk.Import) *bulk.Wait {
	w := &bulk.Wait{Import: imp.ID, Waiting: int(imp.Batches.Staged)}
	switch imp.State {
	case bulk.StatePaused:
		w.Reason = bulk.WaitsForPause
		return w
	case bulk.StateOpen, bulk.StateReceiving, bulk.StateValidating, bulk.StateProcessing:
	default:
		return nil
	}
	switch {
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
	waits, err := s.Dispatchers.Waits(ctx, imp.AccountID)
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
