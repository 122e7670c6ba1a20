package bulk

import (
	"slices"
	"time"
)

// SilentAfter is how long after its last heartbeat a process counts as gone.
const SilentAfter = 5 * time.Second

// Role is what a process does. Those of one cluster are listed by [Roles].
type Role string

// The roles of processes.
const (
	RoleConsole    Role = "console"
	RoleIngest     Role = "ingest"
	RoleDispatcher Role = "dispatcher"
	RoleProcessor  Role = "processor"
	RoleMirror     Role = "mirror"
	RoleDev        Role = "dev"     // all of them in one process
	RoleMigrate    Role = "migrate" // brings the schema up to date, and ends
)

// Roles lists the roles that make up a cluster, on the way of the data.
func Roles() []Role {
	return []Role{RoleConsole, RoleIngest, RoleDispatcher, RoleProcessor, RoleMirror}
}

// Place is where a role stands on the way of the data; -1: none of its own.
func (r Role) Place() int { return slices.Index(Roles(), r) }

// Processes reports whether processes of the role work on batches, in slots.
func (r Role) Processes() bool { return r == RoleProcessor || r == RoleDev }

// Node is a process of the cluster as it announces itself.
type Node struct {
	ID        NodeID    `json:"id" db:"id"`
	Role      Role      `json:"role" db:"role"`
	URL       string    `json:"url" db:"url"` // under which other roles reach it
	Slots     int       `json:"slots" db:"slots"`
	Version   string    `json:"version" db:"version"`
	Draining  bool      `json:"draining" db:"draining"`
	StartedAt time.Time `json:"started_at" db:"started_at"`
	SeenAt    time.Time `json:"seen_at" db:"seen_at"`
}
