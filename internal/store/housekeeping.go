package store

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// KnownObjects reports which of the keys a batch or part names.
func (s *Store) KnownObjects(ctx context.Context, keys []string) (map[string]bool, error) {
	known := make(map[string]bool, len(keys))
	for _, query := range []string{`SELECT object FROM batches WHERE object IN (?)`, `SELECT object FROM upload_parts WHERE object IN (?)`} {
		found, err := selectIn[string](ctx, s, query, keys)
		if err != nil {
			return nil, err
		}
		for _, k := range found {
			known[k] = true
		}
	}
	return known, nil
}

// FinishedSince lists imports that ended after the time, oldest first.
func (s *Store) FinishedSince(ctx context.Context, since time.Time) ([]bulk.FinishedImport, error) {
	var out []bulk.FinishedImport
	err := s.read.SelectContext(ctx, &out, `
		SELECT `+columnsOf[bulk.FinishedImport]()+` FROM imports
		WHERE finished_at > ? AND started_at IS NOT NULL ORDER BY finished_at LIMIT 1000`, since.UTC())
	return out, s.error("list finished imports", err)
}
