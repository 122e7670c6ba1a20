package console

import "bulkhead/internal/bulk"

// RejectWriter writes a rejects.csv, so that it can be corrected and uploaded again.
// It writes the header even when no reject follows.
type RejectWriter interface {
	Write(r bulk.Reject) error
	// Flush writes what is buffered; call it once, at the end.
	Flush() error
}
