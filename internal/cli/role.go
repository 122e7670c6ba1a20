package cli

import (
	"fmt"

	"github.com/alecthomas/kong"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// roleCommand runs one role as a process of its own; which one is the command's name.
type roleCommand struct {
	config.RoleConfig
}

// Run implements `bulkhead console`, `ingest`, `dispatcher`, `processor`, `mirror` and `migrate`.
func (c *roleCommand) Run(e *env, k *kong.Context) error {
	role := bulk.Role(k.Selected().Name)
	run := e.roles.Apart[role]
	if run == nil {
		return fmt.Errorf("this build has no role %s", role)
	}
	return run(e.ctx, c.RoleConfig)
}
