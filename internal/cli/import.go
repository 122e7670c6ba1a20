package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"

	"bulkhead/internal/bulk"
)

// dialectFlags override what the sniffer would find.
type dialectFlags struct {
	Delimiter string `help:"Character between cells; 'tab' for a tab. Default: sniffed." placeholder:"C"`
	Quote     string `help:"Character around cells. Default: sniffed." placeholder:"C"`
	Escape    string `help:"Character before a quote inside a cell; the quote itself where it is doubled. Default: sniffed." placeholder:"C"`
	Encoding  string `help:"utf-8, utf-16le, utf-16be, windows-1252, iso-8859-1 or shift_jis. Default: sniffed." placeholder:"E"`
	NoHeader  bool   `help:"The first line is data; columns are named column_1, column_2, …"`
}

func (d dialectFlags) choice() bulk.DialectChoice {
	if d.Delimiter == "tab" || d.Delimiter == `\t` {
		d.Delimiter = "\t"
	}
	return bulk.DialectChoice{Delimiter: d.Delimiter, Quote: d.Quote, Escape: d.Escape, Encoding: d.Encoding, NoHeader: d.NoHeader}
}

type importCommand struct {
	File         string            `arg:"" help:"CSV file, plain, gzip or zstd; - for standard input, which is sent in one request and cannot be resumed." placeholder:"FILE"`
	Dataset      string            `required:"" help:"Dataset that the rows go into." placeholder:"D" complete:"dataset"`
	Mode         string            `help:"What becomes of rows whose key exists: create rejects them, upsert updates the record." enum:"create,upsert" default:"create"`
	Priority     string            `help:"Order among your own imports: high, normal or low." enum:"high,normal,low" default:"normal"`
	OnError      string            `help:"skip, abort, N or N%: how many rejected rows fail the import." default:"skip" placeholder:"LIMIT"`
	DryRun       bool              `help:"Check everything, then wait for approval."`
	Map          map[string]string `help:"Header names and the fields that they feed." mapsep:"," placeholder:"COL=FIELD,…"`
	Filename     string            `help:"Name to show for the file. Default: its own." placeholder:"NAME"`
	SHA256       bool              `name:"sha256" help:"Compute the file's SHA-256 first and have the server check it."`
	Resume       string            `help:"Go on with the upload of this import instead of creating one." placeholder:"ID" complete:"import"`
	Wait         bool              `help:"Wait until the import ended, and exit by how."`
	RetryFor     time.Duration     `help:"How long to keep trying without progress when the server is away." default:"5m"`
	dialectFlags `embed:""`
}

// Run implements `bulkhead import`.
func (c *importCommand) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	if err := bulk.OnError(c.OnError).Check(); err != nil {
		return err
	}
	api.retry.giveUp = c.RetryFor
	if c.File == "-" {
		return c.stream(e, api, "stdin.csv", e.stdin)
	}
	f, err := os.Open(c.File)
	if err != nil {
		return usage("%v.", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return usage("%s is not a regular file; pipe it in and give - as the file.", c.File)
	}
	if info.Size() == 0 && c.Resume == "" { // there is nothing to resume, and the server says what is wrong
		return c.stream(e, api, filepath.Base(c.File), f)
	}
	return c.file(e, api, f, info.Size())
}

func (c *importCommand) request(name string) newImport {
	if c.Filename != "" {
		name = c.Filename
	}
	return newImport{
		Dataset: bulk.DatasetName(c.Dataset), Mode: bulk.Mode(c.Mode), Filename: name, Mapping: c.Map, Priority: bulk.Priority(c.Priority),
		Options: bulk.Options{OnError: bulk.OnError(c.OnError), DryRun: c.DryRun, Dialect: c.choice()},
	}
}

// stream sends what can be read once only in one request.
func (c *importCommand) stream(e *env, api *client, name string, in io.Reader) error {
	if in == e.stdin && (c.SHA256 || c.Resume != "") {
		return usage("Standard input can be read once only: --sha256 and --resume need a file.")
	}
	bar := newProgress(e.stderr, name, -1)
	imp, err := api.post(e.ctx, c.request(name), &meter{r: in, report: bar.sentBytes})
	bar.close()
	if err != nil {
		return err
	}
	return c.end(e, api, begun{imp: imp, size: -1})
}

// file uploads a file that can be read again from anywhere.
func (c *importCommand) file(e *env, api *client, f *os.File, size int64) error {
	imp, offset, err := c.open(e.ctx, api, f, size)
	if err != nil {
		return err
	}
	return c.end(e, api, begun{imp, size, func(ctx context.Context, sent func(int64)) error {
		return api.upload(ctx, upload{imp.ID, f, size, sent}, offset)
	}})
}

// open creates the import, or looks up the one to go on with.
func (c *importCommand) open(ctx context.Context, api *client, f *os.File, size int64) (imp bulk.Import, offset int64, err error) {
	if c.Resume != "" {
		imp, err = api.get(ctx, bulk.ImportID(c.Resume))
		return imp, -1, err
	}
	n := c.request(filepath.Base(c.File))
	n.Size = &size
	if c.SHA256 {
		digest := sha256.New()
		if _, err := io.Copy(digest, io.NewSectionReader(f, 0, size)); err != nil {
			return imp, 0, fmt.Errorf("read %s: %w", c.File, err)
		}
		n.Options.SHA256 = hex.EncodeToString(digest.Sum(nil))
	}
	imp, err = api.create(ctx, n)
	return imp, 0, err
}

// begun is an import that is there, with what is left to do for it.
type begun struct {
	imp    bulk.Import
	size   int64                                             // of its file, -1: not known
	upload func(ctx context.Context, sent func(int64)) error // nil: the file was sent
}

// end uploads, if there is something to upload, waits if asked to, and reports.
func (c *importCommand) end(e *env, api *client, b begun) error {
	imp, bar := b.imp, newProgress(e.stderr, b.imp.Filename, b.size)
	last, uploaded, err := c.run(e.ctx, api, b, bar)
	bar.close()
	switch {
	case err != nil && e.ctx.Err() != nil:
		return interrupted(e, c.File, imp, uploaded)
	case err != nil && !uploaded && exits[bulk.KindOf(err)] == exitUnavailable:
		fmt.Fprintf(e.stderr, "The upload of %s stopped and can go on: bulkhead import %s --dataset %s --resume %s\n", imp.ID, c.File, imp.Dataset, imp.ID)
		return err
	case err != nil:
		return fmt.Errorf("import %s: %w", imp.ID, err)
	}
	if err := e.tell(api, last); err != nil {
		return err
	}
	return outcomeOf(importExit(last))
}

// run uploads and follows at the same time, because an import can end early: an
// upload that the server does not want any more is broken off.
func (c *importCommand) run(ctx context.Context, api *client, b begun, bar *progress) (last bulk.Import, uploaded bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	followed := make(chan error, 1)
	if c.Wait {
		go func() {
			var err error
			last, err = api.follow(ctx, b.imp.ID, bar.saw)
			followed <- err
			if err == nil && last.State.Terminal() {
				cancel(errEnded)
			}
		}()
	}
	if b.upload != nil {
		if err := b.upload(ctx, bar.sentBytes); err != nil && !errors.Is(context.Cause(ctx), errEnded) {
			cancel(err)
			if c.Wait {
				<-followed
			}
			return b.imp, false, err
		}
	}
	if c.Wait {
		return last, true, <-followed
	}
	last, err = api.get(ctx, b.imp.ID)
	return last, true, err
}

// errEnded stops an upload whose import ended.
var errEnded = errors.New("the import ended")

// interrupted says what goes on without us.
func interrupted(e *env, file string, imp bulk.Import, uploaded bool) error {
	if uploaded {
		fmt.Fprintf(e.stderr, "Interrupted; the import goes on.\n  watch it:   bulkhead imports watch %s\n  cancel it:  bulkhead imports cancel %s\n", imp.ID, imp.ID)
	} else {
		fmt.Fprintf(e.stderr, "Interrupted; what was sent is being imported, the rest waits.\n  send the rest:  bulkhead import %s --dataset %s --resume %s\n  cancel it:      bulkhead imports cancel %s\n",
			file, imp.Dataset, imp.ID, imp.ID)
	}
	return outcome(exitInterrupted)
}

// tell prints how an import stands, and of one that ended how fast it was.
func (e *env) tell(api *client, imp bulk.Import) error {
	return e.print(imp, func(w io.Writer) { summary(w, imp, api.pace(e.ctx, imp)) })
}

// pace is the rows that an import settled a second while it worked, 0 when that is not known.
func (c *client) pace(ctx context.Context, imp bulk.Import) float64 {
	var r bulk.Receipt
	if !imp.State.Terminal() || c.call(ctx, request{method: http.MethodGet, path: importPath(string(imp.ID), "receipt")}, &r) != nil {
		return 0
	}
	return r.RowsPerS
}

// summary tells a person how an import stands; pace is in rows a second, 0 for none.
func summary(w io.Writer, imp bulk.Import, pace float64) {
	fmt.Fprintf(w, "%s\t%s\n", imp.ID, imp.State)
	if imp.Error != nil {
		fmt.Fprintf(w, "why\t%s\n", explain(imp.Error))
	}
	for _, line := range []struct {
		name string
		n    int64
	}{
		{"rows read", imp.Rows.Read},
		{"created", imp.Rows.Created},
		{"updated", imp.Rows.Updated},
		{"superseded", imp.Rows.Superseded},
		{"rejected", imp.Rows.Rejected},
		{"over quota", imp.Rows.OverQuota},
		{"unprocessed", imp.Rows.Unprocessed},
	} {
		if line.n > 0 || line.name == "rows read" {
			fmt.Fprintf(w, "%s\t%s\n", line.name, humanize.Comma(line.n))
		}
	}
	if imp.StartedAt != nil && imp.FinishedAt != nil {
		fmt.Fprintf(w, "took\t%s", max(imp.FinishedAt.Sub(*imp.StartedAt).Round(time.Millisecond), time.Millisecond))
		if pace >= 1 {
			fmt.Fprintf(w, ", %s rows/s while it worked", humanize.Comma(int64(pace)))
		}
		fmt.Fprintln(w)
	}
	switch {
	case !imp.State.Settled():
		fmt.Fprintf(w, "next\tbulkhead imports watch %s\n", imp.ID)
	case imp.State == bulk.StateAwaitingApproval:
		fmt.Fprintf(w, "next\tbulkhead imports approve %s, or cancel it\n", imp.ID)
	case imp.Rows.Rejected+imp.Rows.OverQuota > 0:
		fmt.Fprintf(w, "next\tbulkhead imports rejects %s > rejects.csv\n", imp.ID)
	}
}
