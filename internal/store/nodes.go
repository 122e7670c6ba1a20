package store

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// nodeMemory is how long a silent process is remembered.
const nodeMemory = 24 * time.Hour

// Announce says that a process is alive, by the store's own clock of this call.
func (s *Store) Announce(ctx context.Context, n bulk.Node) error {
	return s.tx(ctx, "announce node", func(tx *txn) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO nodes (id, role, url, slots, version, draining, started_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET url = excluded.url, slots = excluded.slots, draining = excluded.draining, seen_at = excluded.seen_at`,
			n.ID, n.Role, n.URL, n.Slots, n.Version, n.Draining, n.StartedAt, now()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM nodes WHERE seen_at < ?`, now().Add(-nodeMemory))
		return err
	})
}

// Leave takes a process off the list.
func (s *Store) Leave(ctx context.Context, id bulk.NodeID) error {
	return s.tx(ctx, "node leaves", func(tx *txn) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM nodes WHERE id = ?`, id)
		return err
	})
}

// Nodes lists the processes of a role ("" for all) that were seen since, by id.
func (s *Store) Nodes(ctx context.Context, role string, since time.Time) ([]bulk.Node, error) {
	out := []bulk.Node{}
	err := s.read.SelectContext(ctx, &out, `
		SELECT `+columnsOf[bulk.Node]()+` FROM nodes
		WHERE (role = ? OR ? = '') AND seen_at > ? ORDER BY id`, role, role, since.UTC())
	return out, s.error("list nodes", err)
}
