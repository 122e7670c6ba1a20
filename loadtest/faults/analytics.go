package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"slices"
	"time"

	"bulkhead/internal/wait"
	"bulkhead/loadtest/cluster"
)

// awaitMirrored waits until ClickHouse has every import, as the API says.
func awaitMirrored(ctx context.Context, customers []*cluster.Customer) error {
	for _, c := range customers {
		for {
			imp, err := c.Latest(ctx)
			if err == nil && imp.Mirrored {
				break
			}
			if wait.For(ctx, 100*time.Millisecond) != nil {
				return errors.Join(fmt.Errorf("the import of %s was not mirrored in time", c.File.Path), err)
			}
		}
	}
	return nil
}

// reconcile compares every record of every account in ClickHouse with the store. The
// mirror is quiet, so that a difference is a defect; it is an error although the
// command repairs it.
func reconcile(ctx context.Context) error {
	var stderr bytes.Buffer
	c := exec.CommandContext(ctx, cluster.Program, "reconcile", "--json")
	c.Stderr = &stderr
	found, err := c.Output()
	found = slices.Concat(slices.Collect(differing(found))...)
	switch {
	case err != nil:
		return fmt.Errorf("reconcile: %w: %s%s", err, &stderr, found)
	case len(found) > 0:
		return fmt.Errorf("ClickHouse differs from the store:\n%s", found)
	}
	return nil
}

// differing leaves out rows that are there twice: a killed mirror leaves some, and views
// show each once.
func differing(found []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(found) {
			if !bytes.Contains(line, []byte(`"what":"doubled"`)) && !yield(line) {
				return
			}
		}
	}
}

// checkSettings wants what reconcile needs: without it, it would look for a data directory.
func checkSettings() error {
	for _, name := range []string{"BULKHEAD_STORE", "BULKHEAD_ANALYTICS"} {
		if os.Getenv(name) == "" {
			return fmt.Errorf("%s is not set: run deploy/cluster/up again, which writes .cluster/env", name)
		}
	}
	return nil
}
