package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulkhead/internal/app"
	"bulkhead/internal/config"
)

// TestStories runs what users type, against a dev of its own for each script. Beside
// testscript's commands there are
//
//	exits CODE COMMAND…   the command must end with that exit code
//	keep VARIABLE FIELD   puts a field of the last line of JSON on stdout into the environment
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               startForScript,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "keep": keep, "replace": replace},
	})
}

// startForScript runs a dev where commands look for it by themselves.
func startForScript(env *testscript.Env) error {
	ctx, cancel := context.WithCancel(context.Background())
	d, err := app.StartDev(ctx, config.DevConfig{DataDir: filepath.Join(env.WorkDir, ".bulkhead"), Listen: "127.0.0.1:0", Analytics: "off"}, slog.New(slog.DiscardHandler))
	if err != nil {
		cancel()
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	env.Defer(func() {
		cancel()
		if err := <-ended; err != nil {
			env.T().Log("dev ended with", err)
		}
	})
	env.Setenv("URL", d.URL)
	return nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: keep VARIABLE FIELD")
	}
	all := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(all[len(all)-1]), &object))
	ts.Setenv(args[0], fmt.Sprint(object[args[1]]))
}

// replace implements `replace OLD NEW FILE`, so that stories need no sed.
func replace(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: replace OLD NEW FILE")
	}
	path := ts.MkAbs(args[2])
	text, err := os.ReadFile(path)
	ts.Check(err)
	if !strings.Contains(string(text), args[0]) {
		ts.Fatalf("%s has no %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(text), args[0], args[1])), 0o600))
}
