package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Program is the one that the cluster runs.
const Program = ".cluster/bulkhead"

// File is a generated file with what importing it must report.
type File struct {
	Path   string
	Answer struct {
		Rows, Created, Superseded, Rejected, Bytes int64
	}
}

// Generate writes one file for each account and defines their dataset.
func Generate(ctx context.Context, dir string, accounts int, rows int64) ([]File, error) {
	spec, err := exec.CommandContext(ctx, Program, "generate", "spec").Output()
	if err != nil {
		return nil, fmt.Errorf("generate spec: %w", err)
	}
	apply := exec.CommandContext(ctx, Program, "datasets", "apply")
	apply.Stdin = bytes.NewReader(spec)
	if out, err := apply.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("datasets apply: %w: %s", err, out)
	}
	files := make([]File, accounts)
	for i := range files {
		f := &files[i]
		f.Path = filepath.Join(dir, fmt.Sprintf("contacts-%d.csv", i+1))
		out, err := os.Create(f.Path)
		if err != nil {
			return nil, err
		}
		var answer bytes.Buffer
		c := exec.CommandContext(ctx, Program, "generate", "contacts", "--rows", strconv.FormatInt(rows/int64(accounts), 10), "--seed", strconv.Itoa(i+1))
		c.Stdout, c.Stderr = out, &answer
		if err := errors.Join(c.Run(), out.Close()); err != nil {
			return nil, fmt.Errorf("generate contacts: %w: %s", err, &answer)
		}
		if err := json.Unmarshal(answer.Bytes(), &f.Answer); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Imported is what the API says of an import, as far as it matters here.
type Imported struct {
	ID    string
	State string
	Rows  Counts
	Bytes struct{ Received int64 }

	Sealed     bool
	Mirrored   bool
	FinishedAt time.Time `json:"finished_at"`
}

// Counts are rows by what became of them.
type Counts struct {
	Read, Created, Updated, Superseded, Rejected, Unprocessed int64

	OverQuota int64 `json:"over_quota"`
}

// Settled is how many rows a commit has decided on; Read counts when a batch is staged.
func (c Counts) Settled() int64 {
	return c.Created + c.Updated + c.Superseded + c.Rejected + c.OverQuota
}

// Ended reports whether nothing more will happen.
func (i Imported) Ended() bool {
	return !i.FinishedAt.IsZero()
}

// Customer is an account with one file to import.
type Customer struct {
	File File
	key  string

	done Imported
	said string // the import command's standard error
	err  error
}

// NewCustomers makes an account with a key for every file.
func NewCustomers(ctx context.Context, name string, files []File) ([]*Customer, error) {
	customers := make([]*Customer, len(files))
	stamp := time.Now().UTC().Format("20060102T150405.000")
	for i, f := range files {
		var account struct{ ID string }
		if err := said(ctx, &account, "accounts", "create", fmt.Sprintf("faults %s %s %d", name, stamp, i+1)); err != nil {
			return nil, err
		}
		var key struct{ Secret string }
		if err := said(ctx, &key, "keys", "create", "--account", account.ID); err != nil {
			return nil, err
		}
		customers[i] = &Customer{File: f, key: key.Secret}
	}
	return customers, nil
}

// said runs an operator's command and decodes the object that it prints.
func said(ctx context.Context, out any, args ...string) error {
	text, err := exec.CommandContext(ctx, Program, append(args, "--json")...).Output()
	if err != nil {
		return fmt.Errorf("%v: %w", args[:2], err)
	}
	return json.Unmarshal(text, out)
}

func (c *Customer) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, Program, args...)
	cmd.Env = append(os.Environ(), "BULKHEAD_API_KEY="+c.key)
	return cmd
}

// Import imports as a customer would who starts the command and goes for lunch.
func (c *Customer) Import(ctx context.Context) { c.send(ctx, "--wait") }

// Upload sends the file and waits for no more than that.
func (c *Customer) Upload(ctx context.Context) { c.send(ctx) }

func (c *Customer) send(ctx context.Context, flags ...string) {
	var stdout, stderr bytes.Buffer
	cmd := c.command(ctx, append([]string{"import", c.File.Path, "--dataset", "contacts", "--json"}, flags...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	c.err = cmd.Run()
	c.said = stderr.String()
	const withRejects = 3
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == withRejects {
		c.err = nil
	}
	if c.err == nil {
		c.err = json.Unmarshal(stdout.Bytes(), &c.done)
	}
}

// Ended asks whether an uploaded file's import has ended; [Customer.Check] then judges it.
func (c *Customer) Ended(ctx context.Context) (bool, error) {
	if c.err != nil {
		return false, fmt.Errorf("upload: %w: %s", c.err, c.said)
	}
	imp, err := c.Latest(ctx)
	if err != nil || !imp.Ended() {
		return false, err
	}
	c.done = imp
	return true, nil
}

// FinishedAt is when an import that has ended did so, by the server's clock.
func (c *Customer) FinishedAt() time.Time { return c.done.FinishedAt }

// Check compares what the command reported, and the account's usage, with the file.
func (c *Customer) Check(ctx context.Context) error {
	if c.err != nil {
		return fmt.Errorf("import: %w: %s", c.err, c.said)
	}
	a := c.File.Answer
	want := Counts{Read: a.Rows, Created: a.Created, Superseded: a.Superseded, Rejected: a.Rejected}
	if c.done.Rows != want || c.done.State != "completed_with_rejects" {
		return fmt.Errorf("import %s is %s with %+v, want %+v", c.done.ID, c.done.State, c.done.Rows, want)
	}
	var usage struct{ Records int64 }
	if err := c.get(ctx, "/v1/usage", &usage); err != nil {
		return err
	}
	if usage.Records != a.Created {
		return fmt.Errorf("usage is %d, want %d", usage.Records, a.Created)
	}
	return nil
}

// Verify compares every record with the file.
func (c *Customer) Verify(ctx context.Context) error {
	if out, err := c.command(ctx, "verify", c.done.ID, "--source", c.File.Path).CombinedOutput(); err != nil {
		return fmt.Errorf("verify: %w: %s", err, out)
	}
	return nil
}

// Latest returns the account's newest import.
func (c *Customer) Latest(ctx context.Context) (Imported, error) {
	var list struct{ Imports []Imported }
	if err := c.get(ctx, "/v1/imports?limit=1", &list); err != nil {
		return Imported{}, err
	}
	if len(list.Imports) == 0 {
		return Imported{}, errors.New("no import has begun")
	}
	return list.Imports[0], nil
}

func (c *Customer) get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("BULKHEAD_URL")+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("GET %s: %s %s", path, res.Status, body))
	}
	return json.Unmarshal(body, out)
}
