//go:build unix

package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/sample"
)

// child is a bulkhead command in a process and process group of its own.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout logs
	stderr logs
	ended  chan error
}

func run(t *testing.T, args ...string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command("bulkhead", args...), ended: make(chan error, 1)}
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- c.cmd.Wait() }()
	t.Cleanup(c.kill)
	return c
}

// kill ends the process as a power cut would; one that ended already is left alone.
func (c *child) kill() {
	select {
	case err := <-c.ended:
		c.ended <- err
	default:
		syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL) // it may have ended meanwhile
		c.ended <- <-c.ended
	}
}

// end waits for the process and returns its exit code.
func (c *child) end() int {
	c.t.Helper()
	select {
	case err := <-c.ended:
		if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
			c.t.Fatal(err)
		}
		c.ended <- err
		return c.cmd.ProcessState.ExitCode()
	case <-time.After(timeout):
		c.t.Fatalf("%v does not end; stderr:\n%s", c.cmd.Args, &c.stderr)
		return -1
	}
}

// startChild starts dev in a process of its own and waits until it is ready.
func startChild(t *testing.T, dir, listen string, flags ...string) (d *child, c *client) {
	t.Helper()
	d = run(t, append([]string{"--data-dir", dir, "dev", "--listen", listen}, flags...)...)
	ready := func() bool {
		select {
		case err := <-d.ended:
			d.ended <- err
			t.Fatalf("dev ended with %v; it says:\n%s%s", err, &d.stdout, &d.stderr)
		default:
		}
		known, err := config.ReadClient(dir)
		if err != nil {
			return false
		}
		c = &client{t: t, url: known.URL, key: known.APIKey}
		a, err := c.ask("GET", "/readyz", nil, nil)
		return err == nil && a.status == 200
	}
	eventually(t, ready, func() string { return fmt.Sprintf("dev is not ready; it says:\n%s%s", &d.stdout, &d.stderr) })
	return d, c
}

// progress of an import: 0 at its beginning, 1 more once all is received, 1 more once
// all is committed.
func progress(imp bulk.Import, size int64) float64 {
	p := float64(imp.Bytes.Received) / float64(size)
	if imp.Sealed {
		p += float64(imp.Batches.Committed) / float64(max(imp.Batches.Total, 1))
	}
	return p
}

// The whole system is killed five times during one import. The command that imports
// lives on, and ends by itself with exactly what an undisturbed import gives.
func TestKilledFiveTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, want := contacts(t, sample.Options{Rows: rows(t, 60_000, 25_000), Seed: 3, RejectRate: 0.02, DuplicateRate: 0.01})
	path := filepath.Join(t.TempDir(), "contacts.csv")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	dev, c := startChild(t, dir, "127.0.0.1:0")
	at, err := url.Parse(c.url)
	c.must(err)
	(&system{client: c}).apply(sample.Spec())

	importing := run(t, "--data-dir", dir, "--json", "import", path, "--dataset", "contacts", "--sha256", "--wait")
	early := 0 // kills before the import's end
	for _, moment := range []float64{0.05, 0.4, 0.8, 1.2, 1.6} {
		imp := c.until(c.first(), func(imp bulk.Import) bool { return progress(imp, want.Bytes) >= moment })
		dev.kill()
		if !imp.State.Terminal() {
			early++
		}
		t.Logf("killed at progress %.2f: %s, %d of %d bytes, %d of %d batches", progress(imp, want.Bytes), imp.State, imp.Bytes.Received, want.Bytes, imp.Batches.Committed, imp.Batches.Total)
		dev, c = startChild(t, dir, at.Host)
	}
	if early < 3 {
		t.Errorf("only %d of 5 kills came before the import's end", early)
	}
	code := importing.end()
	var imp bulk.Import
	if err := json.Unmarshal([]byte(importing.stdout.String()), &imp); err != nil || code != 3 {
		t.Fatalf("import: exit %d, %v\n%s%s", code, err, &importing.stdout, &importing.stderr)
	}
	c.wantEnd(imp, bulk.StateCompletedWithRejects, counts(want))
	c.wantSound(imp, want.Bytes)
	c.wantUsage("contacts", want.Created)
	c.verify(imp.ID, file)
	if imp.SHA256 == nil || *imp.SHA256 != want.SHA256 {
		t.Errorf("import %+v, want SHA-256 %s", imp, want.SHA256)
	}
}

// first waits for the account's first import.
func (c *client) first() (id bulk.ImportID) {
	c.t.Helper()
	c.eventually("an import is created", func() bool {
		list := c.imports("")
		if len(list) > 0 {
			id = list[len(list)-1].ID
		}
		return len(list) > 0
	})
	return id
}
