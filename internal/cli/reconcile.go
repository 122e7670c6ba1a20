package cli

import (
	"errors"
	"fmt"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

type reconcileCommand struct {
	Store     string `help:"postgres://USER@HOST/DATABASE, or sqlite:PATH; default: that of the data directory." env:"BULKHEAD_STORE"`
	Analytics string `help:"auto, chdb, or a clickhouse:// address." default:"auto" env:"BULKHEAD_ANALYTICS"`
}

// Run implements `bulkhead reconcile`. Differences that were repaired are a success. The
// table on stdout is empty when there were none; what it cost goes to stderr.
func (c *reconcileCommand) Run(e *env) error {
	if e.roles.Reconcile == nil {
		return errors.New("this build cannot reconcile")
	}
	var found []bulk.Difference
	left := 0
	cost, err := e.roles.Reconcile(e.ctx, config.ReconcileConfig{DataDir: e.server.DataDir, Store: c.Store, Analytics: c.Analytics}, func(d bulk.Difference) error {
		found = append(found, d)
		if !d.Repaired {
			left++
		}
		return nil
	})
	if printed := c.report(e, found, err == nil); printed != nil {
		return printed
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "Compared %d rows of %d tables with %d questions; looked at %d rows one by one, wrote %d.\n", cost.Rows, cost.Tables, cost.Questions, cost.Looked, cost.Written)
	if left > 0 {
		return fmt.Errorf("%d of %d differences could not be repaired; are imports running? Try again when they have ended", left, len(found))
	}
	return nil
}

func (c *reconcileCommand) report(e *env, found []bulk.Difference, whole bool) error {
	if len(found) == 0 && !e.json {
		if whole {
			fmt.Fprintln(e.stdout, "Analytics equal the store.")
		}
		return nil
	}
	all := func(yield func(bulk.Difference, error) bool) {
		for _, d := range found {
			if !yield(d, nil) {
				return
			}
		}
	}
	return printList(e, all, "TABLE\tACCOUNT\tWHAT\tROWS\tREPAIRED", func(d bulk.Difference) string {
		repaired := "yes"
		if !d.Repaired {
			repaired = "no"
		}
		return fmt.Sprintf("%s\t%s\t%s\t%d\t%s", d.Table, d.Account, d.What, d.Rows, repaired)
	})
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
