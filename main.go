// Bulkhead imports CSV files of any size into a platform's store, for many accounts
// at once: fair, exactly once, in bounded memory. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // zones of timestamp columns, on machines without zone files

	"bulkhead/columnar/mirror"
	"bulkhead/internal/app"
	"bulkhead/internal/bulk"
	"bulkhead/internal/cli"
	"bulkhead/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(cli.Main(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, roles()))
}

// roles is the table of what this program can run as.
func roles() cli.Roles {
	return cli.Roles{
		Dev: app.RunDev(os.Stdout, os.Stderr),
		Apart: map[bulk.Role]func(context.Context, config.RoleConfig) error{
			bulk.RoleConsole:    app.RunConsole(os.Stderr),
			bulk.RoleIngest:     app.RunIngest(os.Stderr),
			bulk.RoleDispatcher: app.RunDispatcher(os.Stderr),
			bulk.RoleProcessor:  app.RunProcessor(os.Stderr),
			bulk.RoleMirror:     app.RunMirror(os.Stderr),
			bulk.RoleMigrate:    app.RunMigrate(os.Stdout),
		},
		Reconcile: app.RunReconcile,
		ChDB:      mirror.ServeChDB,
	}
}
