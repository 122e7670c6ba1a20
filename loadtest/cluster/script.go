// Package cluster drives the cluster of deploy/cluster/up for load tests: files whose
// outcome is known, accounts that import them by the command line, and the scripts
// that start and end processes. It expects what .cluster/env sets, and the root of the
// checkout as the working directory.
package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"bulkhead/internal/wait"
)

// Script runs a command of deploy/.
func Script(ctx context.Context, command ...string) error {
	c := exec.CommandContext(ctx, "deploy/"+command[0], command[1:]...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out)
	}
	return nil
}

// Start repeats a script until it succeeds: a database that was killed refuses to
// start while a child of it still lives.
func Start(ctx context.Context, command ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := Script(ctx, command...)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if wait.For(ctx, time.Second) != nil {
			return err
		}
	}
}
