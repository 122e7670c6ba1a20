package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// generator makes a client of the API's description, in a language that it is for. Its
// folder below testdata/clients has a program that uses the client, and lock files.
type generator struct {
	folder   string
	needs    []string   // exits well where the generator is installed
	install  string     // what installs it, from the root
	brings   string     // what that puts into the folder; "" when it is kept elsewhere
	generate [][]string // commands
	program  []string
}

var generators = []generator{
	{
		folder: "openapi-oapi-codegen", needs: []string{"go", "mod", "download"}, install: "go -C internal/app/testdata/clients/openapi-oapi-codegen mod download",
		generate: [][]string{{"mkdir", "api"}, {"go", "generate", "."}, {"go", "build", "-o", "client", "."}}, program: []string{"./client"},
	},
	{
		folder: "openapi-ogen", needs: []string{"go", "mod", "download"}, install: "go -C internal/app/testdata/clients/openapi-ogen mod download",
		generate: [][]string{{"go", "generate", "."}, {"go", "build", "-o", "client", "."}}, program: []string{"./client"},
	},
	{
		folder: "openapi-python", needs: []string{".venv/bin/openapi-python-client", "--version"}, brings: ".venv",
		install:  "python3 -m venv internal/app/testdata/clients/openapi-python/.venv, and its pip install -r requirements.txt",
		generate: [][]string{{".venv/bin/openapi-python-client", "generate", "--path", "openapi.json", "--config", "openapi-python-client.yaml", "--meta", "none", "--output-path", "bulkhead_api"}},
		program:  []string{".venv/bin/python", "client.py"},
	},
	{
		folder: "openapi-typescript", needs: []string{"node_modules/.bin/tsc", "--version"}, brings: "node_modules",
		install:  "npm ci --ignore-scripts --prefix internal/app/testdata/clients/openapi-typescript",
		generate: [][]string{{"node_modules/.bin/openapi-typescript", "openapi.json", "-o", "schema.d.ts"}, {"node_modules/.bin/tsc", "-p", "."}},
		program:  []string{"node", "client.js"},
	},
}

// TestGeneratedClients makes clients of the description that a server hands out; each
// creates a dataset, imports a file, waits for its end, and reads rejects and records.
func TestGeneratedClients(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file := filepath.Join(t.TempDir(), "people.csv")
	s.must(os.WriteFile(file, []byte(lines("id,name,balance", "1,Ann,10.50", "2,,3.00", `3,"Cruz, Eva",many`, "4,Bo,7")), 0o600))
	description, err := s.ask(http.MethodGet, "/openapi.json", nil, nil)
	s.must(err)
	for _, g := range generators {
		t.Run(g.folder, func(t *testing.T) {
			dir := g.copy(t)
			s.must(os.WriteFile(filepath.Join(dir, "openapi.json"), description.body, 0o600))
			for _, command := range g.generate {
				g.run(t, dir, s.key, command...)
			}
			dataset := strings.ReplaceAll(g.folder, "-", "_")
			out := g.run(t, dir, s.key, slices.Concat(g.program, []string{s.url, dataset, file})...)
			var got struct {
				State             bulk.State
				Created, Rejected int64
				Rejects           string
				Names             []string
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if got.State != bulk.StateCompletedWithRejects || got.Created != 2 || got.Rejected != 2 || !slices.Equal(got.Names, []string{"Ann", "Bo"}) {
				t.Errorf("got %+v", got)
			}
			for _, want := range []string{"id,name,balance,_line,_row,_code,_column,_message\n", "2,,3.00,3,2,required,name,", `3,"Cruz, Eva",many,4,3,invalid_decimal,balance,`} {
				if !strings.Contains(got.Rejects, want) {
					t.Errorf("rejects.csv is %q; want in it %q", got.Rejects, want)
				}
			}
		})
	}
}

// copy returns a copy of the generator's folder. It skips the test where the generator
// is not installed, and fails it where it is required.
func (g generator) copy(t *testing.T) string {
	t.Helper()
	from, err := filepath.Abs(filepath.Join("testdata", "clients", g.folder))
	if err != nil {
		t.Fatal(err)
	}
	check := exec.CommandContext(t.Context(), g.needs[0], g.needs[1:]...)
	check.Dir, check.Env = from, append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod")
	if out, err := check.CombinedOutput(); err != nil {
		if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("SKIPPED: no client of %s is made and tried (%v); install it: %s", g.folder, err, g.install)
	}
	to := t.TempDir()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch {
		case e.Name() == g.brings:
			err = os.Symlink(filepath.Join(from, g.brings), filepath.Join(to, g.brings))
		case e.Type().IsRegular():
			var data []byte
			if data, err = os.ReadFile(filepath.Join(from, e.Name())); err == nil {
				err = os.WriteFile(filepath.Join(to, e.Name()), data, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// run runs a command in the copy and returns what it prints.
func (g generator) run(t *testing.T, dir, key string, command ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), "BULKHEAD_API_KEY="+key)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, out, &stderr)
	}
	return out
}
