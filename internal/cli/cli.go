package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// Roles are the long-running parts of the program that the command line can start.
type Roles struct {
	// Dev runs every role in one process until ctx ends.
	Dev func(ctx context.Context, c config.DevConfig) error
	// Apart are the roles that run as processes of their own, by name.
	Apart map[bulk.Role]func(ctx context.Context, c config.RoleConfig) error
	// Reconcile compares analytics with the store, repairs what differs and calls found for it.
	Reconcile func(ctx context.Context, c config.ReconcileConfig, found func(bulk.Difference) error) (bulk.Reconciliation, error)
	// ChDB answers requests from in to out with the chDB library until in ends.
	ChDB func(library, dir string, in io.Reader, out io.Writer) error
}

// grammar is the command line.
type grammar struct {
	DataDir string `help:"Where a running dev keeps everything, its address included." default:".bulkhead" env:"BULKHEAD_DATA_DIR" type:"path"`
	URL     string `name:"url" help:"Server to talk to, with the key of BULKHEAD_API_KEY. Default: BULKHEAD_URL." placeholder:"URL"`
	Profile string `help:"Server and key that were saved by bulkhead profiles. Default: BULKHEAD_PROFILE." placeholder:"NAME" complete:"profile"`
	JSON    bool   `name:"json" help:"Print JSON, one object a line."`

	Version kong.VersionFlag `help:"Print the version."`

	Dev        devCommand  `cmd:"" help:"Run everything in one process; nothing else has to be installed."`
	Console    roleCommand `cmd:"" help:"Run the console: pages and API."`
	Ingest     roleCommand `cmd:"" help:"Run an ingest process: reads uploaded files."`
	Dispatcher roleCommand `cmd:"" help:"Run a dispatcher: decides which batch is next."`
	Processor  roleCommand `cmd:"" help:"Run a processor: validates and commits batches."`
	Mirror     roleCommand `cmd:"" help:"Run the mirror: copies what was committed to ClickHouse."`
	Migrate    roleCommand `cmd:"" help:"Bring the store's schema up to date, once."`

	Reconcile reconcileCommand `cmd:"" help:"Compare analytics with the store and repair what differs."`
	ChDB      chdbCommand      `cmd:"" name:"chdb-engine" hidden:""`

	Datasets datasetsCommand `cmd:"" help:"Describe what can be imported."`
	Import   importCommand   `cmd:"" help:"Import a CSV file."`
	Imports  importsCommand  `cmd:"" help:"Watch and steer imports."`
	Verify   verifyCommand   `cmd:"" help:"Recompute from the source what the store must hold, and compare."`
	Generate generateCommand `cmd:"" help:"Make sample files whose right outcome is known."`
	Simulate simulateCommand `cmd:"" help:"Show what is promised, without a server."`
	CSV      csvCommand      `cmd:"" name:"csv" help:"Look at a file the way the importer does; needs no server."`
	Accounts accountsCommand `cmd:"" help:"Manage accounts (operators)."`
	Keys     keysCommand     `cmd:"" help:"Manage API keys (operators)."`

	Profiles   profilesCommand   `cmd:"" help:"Save the addresses and keys of the servers that you work with."`
	Completion completionCommand `cmd:"" help:"Print a script that completes commands in bash, zsh or fish."`
	Complete   completeCommand   `cmd:"" name:"__complete" hidden:""`
}

// env is what a command works with.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	json           bool
	server         config.Where
	roles          Roles
}

// Streams are all that a command reads and writes beside files.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer // data; what is said to people
}

// Main runs the command that args name and returns the exit code. Cancelling ctx
// is what Ctrl-C does.
func Main(ctx context.Context, args []string, std Streams, roles Roles) int {
	var g grammar
	command, code := parse(&g, args, std.Out, std.Err)
	if command == nil {
		return code
	}
	e := &env{ctx: ctx, stdin: std.In, stdout: std.Out, stderr: std.Err, json: g.JSON, roles: roles, server: config.Where{URL: g.URL, Profile: g.Profile, DataDir: g.DataDir}}
	err := command.Run(e)
	if _, said := errors.AsType[outcome](err); ctx.Err() != nil && err != nil && !said {
		err = context.Canceled // whatever broke, broke because of the interrupt
	}
	return finish(err, std.Err)
}

// quit carries the exit code out of a parser that printed help.
type quit int

// parse returns nil and an exit code when there is nothing to run.
func parse(g *grammar, args []string, stdout, stderr io.Writer) (command *kong.Context, code int) {
	parser, err := newParser(g, kong.Writers(stdout, stderr), kong.Exit(func(code int) { panic(quit(code)) }))
	if err != nil {
		fmt.Fprintln(stderr, "bulkhead:", err)
		return nil, exitFailed
	}
	defer func() {
		if r := recover(); r != nil {
			q, ok := r.(quit)
			if !ok {
				panic(r)
			}
			command, code = nil, int(q)
		}
	}()
	command, err = parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "bulkhead: %v\nRun `bulkhead --help`, or a command with --help, for its use.\n", err)
		return nil, exitUsage
	}
	return command, exitDone
}

func newParser(g *grammar, more ...kong.Option) (*kong.Kong, error) {
	return kong.New(g, append(more, kong.Name("bulkhead"), kong.UsageOnError(), kong.ShortUsageOnError(), kong.PostBuild(addExamples),
		kong.Vars{
			"version": buildVersion(), "max_weight": strconv.Itoa(bulk.MaxWeight), "max_batch_rows": strconv.Itoa(bulk.MaxBatchRows), "event_streams": strconv.Itoa(bulk.DefaultLimits().EventStreams),
		},
		kong.Description("Imports CSV files of any size for many accounts at once: fair, exactly once, in bounded memory."))...)
}

// client returns the API client of the server that flags or the environment name.
func (e *env) client() (*client, error) {
	c, err := config.FindClient(e.server, os.Getenv)
	if err != nil {
		return nil, err
	}
	return newClient(c)
}

// print writes v as one line of JSON with --json, and calls human otherwise.
func (e *env) print(v any, human func(w io.Writer)) error {
	if e.json {
		return json.NewEncoder(e.stdout).Encode(v)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	human(w)
	return w.Flush()
}

// printList writes one line of JSON for each item with --json, or else a table. Of a
// long table each [tablePage] rows are aligned by themselves and shown at once.
func printList[T any](e *env, items iter.Seq2[T, error], heading string, row func(T) string) error {
	enc, w := json.NewEncoder(e.stdout), tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	if !e.json {
		fmt.Fprintln(w, heading)
	}
	n := 0
	for item, err := range items {
		switch {
		case err != nil:
		case e.json:
			err = enc.Encode(item)
		default:
			fmt.Fprintln(w, row(item))
			if n++; n%tablePage == 0 {
				err = w.Flush()
			}
		}
		if err != nil {
			return errors.Join(w.Flush(), err)
		}
	}
	return w.Flush()
}

const tablePage = 100

// usage is an error of how a command was called.
func usage(format string, args ...any) error {
	return bulk.Errorf(bulk.KindInvalid, "usage", format, args...)
}
