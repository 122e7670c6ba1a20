package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// realClient is a program of other people's that uploads a file: it is given the
// endpoint, the file and the size of its requests, and prints where the upload is and how
// often it was broken off.
type realClient struct {
	name    string
	dir     string   // below testdata/clients
	needs   string   // what .ci/run installs there
	command []string // run there
	env     []string
}

var realClients = []realClient{
	{"tus-js-client", "tus-js", "node_modules/tus-js-client", []string{"node", "upload.mjs"}, nil},
	{"tus-js-client by the IETF's draft -03", "tus-js", "node_modules/tus-js-client", []string{"node", "upload.mjs"}, []string{"PROTOCOL=ietf-draft-03"}},
	{"tus-js-client by the IETF's draft -05", "tus-js", "node_modules/tus-js-client", []string{"node", "upload.mjs"}, []string{"PROTOCOL=ietf-draft-05"}},
	{"tuspy, with checksums", "tuspy", ".venv/bin/python", []string{".venv/bin/python", "upload.py"}, nil},
	{"tus-java-client", "tus-java", "lib", []string{"java", "-Xmx128m", "-cp", "lib/*", "Upload.java"}, nil},
	{"tus_client of Rust", "tus-rust", "target/debug/bulkhead-tus-test", []string{"target/debug/bulkhead-tus-test"}, nil},
}

// installed skips the test where a client is not there, and fails it where all are
// required.
func (r realClient) installed(t *testing.T) {
	t.Helper()
	_, err := os.Stat(filepath.Join("testdata/clients", r.dir, r.needs))
	if err == nil && !strings.Contains(r.command[0], "/") {
		_, err = exec.LookPath(r.command[0])
	}
	switch {
	case err == nil:
	case os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1":
		t.Fatal(err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, exec.ErrNotFound):
		t.Skipf("SKIPPED: no test with the real %s (%v); install it as .ci/run does", r.name, err)
	default:
		t.Fatal(err)
	}
}

// upload has the client send the file through a connection that is cut ten times, and
// returns the import's end.
func (r realClient) upload(t *testing.T, c *client, dataset string, file []byte, chunk int) bulk.Import {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.csv")
	c.must(os.WriteFile(name, file, 0o600))
	proxy := c.newCutter(t, len(file))
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	run := exec.CommandContext(ctx, r.command[0], append(r.command[1:], proxy.address()+"/v1/imports", name, fmt.Sprint(chunk))...)
	run.Dir = filepath.Join("testdata/clients", r.dir)
	run.Env = append(append(os.Environ(), "BULKHEAD_API_KEY="+c.key, "DATASET="+dataset), r.env...)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.name, err, &stderr)
	}
	return c.afterCuts(t, proxy, out)
}

// afterCuts checks that an upload was cut as often as it was to be, and returns the end
// of the import that its client says it made.
func (c *client) afterCuts(t *testing.T, proxy *cutter, out []byte) bulk.Import {
	t.Helper()
	var said struct {
		URL     string `json:"url"`
		Retries int    `json:"retries"`
	}
	c.must(json.Unmarshal(out, &said))
	if want := len(proxy.after); proxy.done() != want || said.Retries == 0 {
		t.Fatalf("the connection was cut %d times and the client tried again %d times, want %d cuts", proxy.done(), said.Retries, want)
	}
	return c.end(bulk.ImportID(path.Base(path.Dir(said.URL))))
}

// wantUncut checks that an import ended as one of the same file did that was not cut.
func (c *client) wantUncut(t *testing.T, s *system, imp bulk.Import, file []byte) {
	t.Helper()
	other := s.account(t.Name()+" uncut", 1_000_000).in(t)
	uncut := other.end(other.send("dataset="+string(imp.Dataset), file).ID)
	c.wantEnd(imp, uncut.State, uncut.Rows)
	c.wantSound(imp, int64(len(file)))
	if *imp.SHA256 != *uncut.SHA256 || *imp.SHA256 != digest(file) {
		t.Errorf("SHA-256 %s, want %s", *imp.SHA256, digest(file))
	}
	c.verify(imp.ID, file)
}

// TestRealClients uploads with the clients that people have.
func TestRealClients(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	file, _ := contacts(t, sample.Options{Rows: rows(t, 8_000, 4_000), Seed: 4, RejectRate: 0.02, DuplicateRate: 0.01})
	for _, r := range realClients {
		t.Run(r.name, func(t *testing.T) {
			r.installed(t)
			c := s.account(t.Name(), 1_000_000).in(t)
			c.wantUncut(t, s, r.upload(t, c, "contacts", file, 64<<10), file)
		})
	}
	whole := realClients[0]
	t.Run("the whole file in one request", func(t *testing.T) {
		whole.installed(t)
		c := s.account(t.Name(), 1_000_000).in(t)
		c.wantUncut(t, s, whole.upload(t, c, "contacts", file, 0), file)
	})
	t.Run("records larger than a chunk", func(t *testing.T) {
		whole.installed(t)
		s.apply(bulk.Spec{Name: "documents", Key: []string{"id"}, Columns: []bulk.Column{{Name: "id", Type: bulk.TypeInteger}, {Name: "text", Type: bulk.TypeText}, {Name: "more", Type: bulk.TypeText}}})
		var file bytes.Buffer
		file.WriteString("id,text,more\n")
		for i := range 20 {
			fmt.Fprintf(&file, "%d,\"%s\n\"\"%d\"\"\",%s\n", i, strings.Repeat("text ", 20_000), i, strings.Repeat("more ", 20_000))
		}
		c := s.account(t.Name(), 100).in(t)
		c.wantUncut(t, s, whole.upload(t, c, "documents", file.Bytes(), 64<<10), file.Bytes())
	})
}

// The same with a console that passes uploads on to another process.
func TestRealClientInACluster(t *testing.T) {
	t.Parallel()
	realClients[0].installed(t)
	s := &system{client: newCluster(t, bulk.RoleConsole, bulk.RoleIngest, bulk.RoleDispatcher, bulk.RoleProcessor)}
	s.apply(sample.Spec())
	file, _ := contacts(t, sample.Options{Rows: rows(t, 8_000, 4_000), Seed: 7, RejectRate: 0.02, DuplicateRate: 0.01})
	t.Run("tus", func(t *testing.T) {
		c := s.account(t.Name(), 1_000_000).in(t)
		c.wantUncut(t, s, realClients[0].upload(t, c, "contacts", file, 64<<10), file)
	})
	t.Run("the IETF's draft", func(t *testing.T) {
		c := s.account(t.Name(), 1_000_000).in(t)
		c.wantUncut(t, s, c.uploadByDraft(t, "8", file), file)
	})
}
