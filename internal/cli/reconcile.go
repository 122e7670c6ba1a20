package cli

import (
	"errors"
	"fmt"
	"io"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

type reconcileCommand struct {
	Store     string `help:"postgres://USER@HOST/DATABASE, or sqlite:PATH; default: that of the data directory." env:"BULKHEAD_STORE"`
	Analytics string `help:"auto, chdb, or a clickhouse:// address." default:"auto" env:"BULKHEAD_ANALYTICS"`
}

// Run implements `bulkhead reconcile`. Differences that were repaired are a success.
func (c *reconcileCommand) Run(e *env) error {
	if e.roles.Reconcile == nil {
		return errors.New("this build cannot reconcile")
	}
	left, found := 0, 0
	err := e.roles.Reconcile(e.ctx, config.ReconcileConfig{DataDir: e.server.DataDir, Store: c.Store, Analytics: c.Analytics}, func(d bulk.Difference) error {
		found++
		state := "repaired"
		if !d.Repaired {
			left++
			state = "still differs"
		}
		return e.print(d, func(w io.Writer) {
			fmt.Fprintf(w, "%s\t%s\tstore %d records, analytics %d\t%s\n", d.Account, d.Dataset, d.Store.Rows, d.Mirror.Rows, state)
		})
	})
	switch {
	case err != nil:
		return err
	case left > 0:
		return fmt.Errorf("%d of %d differences could not be repaired; are imports running? Try again when they have ended", left, found)
	case found == 0 && !e.json:
		fmt.Fprintln(e.stdout, "Analytics equal the store.")
	}
	return nil
}

// chdbCommand is how bulkhead starts itself as the process of the chDB engine.
type chdbCommand struct {
	Library string `arg:""`
	Dir     string `arg:""`
}

// Run implements the hidden `bulkhead chdb-engine`.
func (c *chdbCommand) Run(e *env) error {
	if e.roles.ChDB == nil {
		return errors.New("this build has no chDB engine")
	}
	return e.roles.ChDB(c.Library, c.Dir, e.stdin, e.stdout)
}
