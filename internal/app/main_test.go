package app_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/app"
	"bulkhead/internal/cli"
)

// TestMain puts a command "bulkhead" into the PATH of the tests: this test binary,
// which then does what main.go does, so that no second program has to be linked.
func TestMain(m *testing.M) {
	os.Setenv("BULKHEAD_ANALYTICS", "off") // an engine a dev is too much for most tests; it also keeps npm from installing one
	testscript.Main(m, map[string]func(){"bulkhead": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, cli.Roles{
			Dev: app.RunDev(os.Stdout, os.Stderr), ChDB: mirror.ServeChDB, Reconcile: app.RunReconcile,
		}))
	}})
}
