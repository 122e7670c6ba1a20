package bulk

import "time"

// Node is a process of the cluster as it announces itself.
type Node struct {
	ID        NodeID    `json:"id" db:"id"`
	Role      string    `json:"role" db:"role"`
	URL       string    `json:"url" db:"url"` // under which other roles reach it
	Slots     int       `json:"slots" db:"slots"`
	Version   string    `json:"version" db:"version"`
	Draining  bool      `json:"draining" db:"draining"`
	StartedAt time.Time `json:"started_at" db:"started_at"`
	SeenAt    time.Time `json:"seen_at" db:"seen_at"`
}
