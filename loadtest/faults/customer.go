package main

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
	"slices"
	"strconv"
	"time"
)

const program = ".cluster/bulkhead"

// file is a generated file with what importing it must report.
type file struct {
	path   string
	answer struct {
		Rows, Created, Superseded, Rejected, Bytes int64
	}
}

// generate writes one file for each account and defines their dataset.
func generate(ctx context.Context, dir string, accounts int, rows int64) ([]file, error) {
	spec, err := exec.CommandContext(ctx, program, "generate", "spec").Output()
	if err != nil {
		return nil, fmt.Errorf("generate spec: %w", err)
	}
	apply := exec.CommandContext(ctx, program, "datasets", "apply")
	apply.Stdin = bytes.NewReader(spec)
	if out, err := apply.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("datasets apply: %w: %s", err, out)
	}
	files := make([]file, accounts)
	for i := range files {
		f := &files[i]
		f.path = filepath.Join(dir, fmt.Sprintf("contacts-%d.csv", i+1))
		out, err := os.Create(f.path)
		if err != nil {
			return nil, err
		}
		var answer bytes.Buffer
		c := exec.CommandContext(ctx, program, "generate", "contacts", "--rows", strconv.FormatInt(rows/int64(accounts), 10), "--seed", strconv.Itoa(i+1))
		c.Stdout, c.Stderr = out, &answer
		if err := errors.Join(c.Run(), out.Close()); err != nil {
			return nil, fmt.Errorf("generate contacts: %w: %s", err, &answer)
		}
		if err := json.Unmarshal(answer.Bytes(), &f.answer); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// imported is what the API says of an import, as far as it matters here.
type imported struct {
	ID    string
	State string
	Rows  counts
	Bytes struct{ Received int64 }

	Sealed   bool
	Mirrored bool
}

type counts struct {
	Read, Created, Updated, Superseded, Rejected, Unprocessed int64

	OverQuota int64 `json:"over_quota"`
}

func (i imported) ended() bool {
	return slices.Contains([]string{"completed", "completed_with_rejects", "failed", "cancelled"}, i.State)
}

// customer is an account with one file to import.
type customer struct {
	file file
	key  string

	done imported
	said string // the import command's standard error
	err  error
}

// newCustomers makes an account with a key for every file.
func newCustomers(ctx context.Context, name string, files []file) ([]*customer, error) {
	customers := make([]*customer, len(files))
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
		customers[i] = &customer{file: f, key: key.Secret}
	}
	return customers, nil
}

// said runs an operator's command and decodes the object that it prints.
func said(ctx context.Context, out any, args ...string) error {
	text, err := exec.CommandContext(ctx, program, append(args, "--json")...).Output()
	if err != nil {
		return fmt.Errorf("%v: %w", args[:2], err)
	}
	return json.Unmarshal(text, out)
}

func (c *customer) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "BULKHEAD_API_KEY="+c.key)
	return cmd
}

// importFile imports as a customer would who starts the command and goes for lunch.
func (c *customer) importFile(ctx context.Context) {
	var stdout, stderr bytes.Buffer
	cmd := c.command(ctx, "import", c.file.path, "--dataset", "contacts", "--wait", "--json")
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

// check compares what the command reported, and the account's usage, with the file.
func (c *customer) check(ctx context.Context) error {
	if c.err != nil {
		return fmt.Errorf("import: %w: %s", c.err, c.said)
	}
	a := c.file.answer
	want := counts{Read: a.Rows, Created: a.Created, Superseded: a.Superseded, Rejected: a.Rejected}
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

// verify compares every record with the file.
func (c *customer) verify(ctx context.Context) error {
	if out, err := c.command(ctx, "verify", c.done.ID, "--source", c.file.path).CombinedOutput(); err != nil {
		return fmt.Errorf("verify: %w: %s", err, out)
	}
	return nil
}

// latest returns the account's newest import.
func (c *customer) latest(ctx context.Context) (imported, error) {
	var list struct{ Imports []imported }
	if err := c.get(ctx, "/v1/imports?limit=1", &list); err != nil {
		return imported{}, err
	}
	if len(list.Imports) == 0 {
		return imported{}, errors.New("no import has begun")
	}
	return list.Imports[0], nil
}

func (c *customer) get(ctx context.Context, path string, out any) error {
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
