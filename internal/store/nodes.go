package store

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// nodeMemory is how long a silent process is remembered.
const nodeMemory = 24 * time.Hour

// Announce says that a process is alive. When is the database's to say, and so is how long
// one has been silent: the clocks of processes differ.
func (s *Store) Announce(ctx context.Context, n bulk.Node) error {
	return s.tx(ctx, "announce node", func(tx *txn) error {
		if _, err := tx.ExecContext(ctx, `
			INSERT INTO nodes (id, role, url, slots, version, draining, started_at, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, `+tx.now()+`)
			ON CONFLICT (id) DO UPDATE SET url = excluded.url, slots = excluded.slots, draining = excluded.draining, seen_at = excluded.seen_at`,
			n.ID, n.Role, n.URL, n.Slots, n.Version, n.Draining, n.StartedAt); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM nodes WHERE seen_at < `+tx.ahead(), -nodeMemory.Seconds())
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

// Nodes lists the processes of a role ("" for all) that were seen within the time, by id.
func (s *Store) Nodes(ctx context.Context, role bulk.Role, within time.Duration) ([]bulk.Node, error) {
	out := []bulk.Node{}
	err := s.read.SelectContext(ctx, &out, `
		SELECT `+columnsOf[bulk.Node]()+` FROM nodes
		WHERE (role = ? OR ? = '') AND seen_at > `+s.engine.ahead()+` ORDER BY id`, role, role, -within.Seconds())
	return out, s.error("list nodes", err)
}
