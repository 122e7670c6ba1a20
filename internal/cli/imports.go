package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/dustin/go-humanize"

	"bulkhead/internal/bulk"
)

type importsCommand struct {
	List    importsList   `cmd:"" help:"List imports, newest first."`
	Show    importsShow   `cmd:"" help:"Show an import."`
	Watch   importsWatch  `cmd:"" help:"Follow an import until it ended, and exit by how."`
	Cancel  importsSteer  `cmd:"" help:"Stop an import; rows that landed stay."`
	Pause   importsSteer  `cmd:"" help:"Stop committing until resumed."`
	Resume  importsSteer  `cmd:"" help:"Go on after a pause."`
	Approve importsSteer  `cmd:"" help:"Commit what a dry run checked."`
	Rejects importsCopy   `cmd:"" help:"Print the rejected rows as CSV, to be corrected and imported again."`
	Receipt importsAnswer `cmd:"" help:"Print the final account of an import."`
}

// AfterApply tells the commands that share a type what they are called.
func (c *importsCommand) AfterApply() error {
	c.Cancel.verb, c.Pause.verb, c.Resume.verb, c.Approve.verb = "cancel", "pause", "resume", "approve"
	return nil
}

type importsList struct {
	State   string `help:"Only imports in this state." placeholder:"S" complete:"state"`
	Dataset string `help:"Only imports into this dataset." placeholder:"D" complete:"dataset"`
	Limit   int    `help:"At most so many." default:"50" placeholder:"N"`
	All     bool   `help:"All of them, however many."`
}

// Run implements `bulkhead imports list`.
func (c *importsList) Run(e *env) error {
	if c.Limit < 1 {
		return usage("--limit is %d; give a number from 1 on, or --all.", c.Limit)
	}
	api, err := e.client()
	if err != nil {
		return err
	}
	q := url.Values{"state": {c.State}, "dataset": {c.Dataset}}
	imports := list[bulk.Import](e.ctx, api, "/v1/imports", q)
	if !c.All {
		imports = first(imports, c.Limit, func() {
			fmt.Fprintf(e.stderr, "These are the newest %d; there are more: --limit N or --all shows them.\n", c.Limit)
		})
	}
	return printList(e, imports, "ID\tDATASET\tSTATE\tREAD\tREJECTED\tCREATED AT\tFILE", func(imp bulk.Import) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s", imp.ID, imp.Dataset, imp.State, humanize.Comma(imp.Rows.Read), humanize.Comma(imp.Rows.Rejected),
			imp.CreatedAt.UTC().Format(time.RFC3339), imp.Filename)
	})
}

type importsShow struct {
	ID string `arg:"" help:"The import." complete:"import"`
}

// Run implements `bulkhead imports show`.
func (c *importsShow) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	var imp struct {
		bulk.Import
		LastByte *time.Time `json:"last_byte_at"` // nil once the file is complete
	}
	if err := api.call(e.ctx, request{method: http.MethodGet, path: "/v1/imports/" + url.PathEscape(c.ID)}, &imp); err != nil {
		return err
	}
	return e.print(imp, func(w io.Writer) {
		fmt.Fprintf(w, "file\t%s into %s, mode %s, priority %s\n", imp.Filename, imp.Dataset, imp.Mode, imp.Priority)
		fmt.Fprintf(w, "received\t%s of %s\n", bytesText(imp.Bytes.Received), bytesText(max(imp.Bytes.Total, imp.Bytes.Received)))
		if imp.LastByte != nil && !imp.State.Terminal() {
			fmt.Fprintf(w, "last byte\t%s; if nobody sends any more: bulkhead import FILE --dataset %s --resume %s\n", imp.LastByte.UTC().Format(time.RFC3339), imp.Dataset, imp.ID)
		}
		summary(w, imp.Import, api.pace(e.ctx, imp.Import))
	})
}

type importsWatch struct {
	ID string `arg:"" help:"The import." complete:"import"`
}

// Run implements `bulkhead imports watch`.
func (c *importsWatch) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	bar := newProgress(e.stderr, c.ID, -1)
	imp, err := api.follow(e.ctx, bulk.ImportID(c.ID), bar.saw)
	bar.close()
	if err != nil {
		return err
	}
	if err := e.tell(api, imp); err != nil {
		return err
	}
	return outcomeOf(importExit(imp))
}

// importsSteer is a command that is one POST.
type importsSteer struct {
	ID   string `arg:"" help:"The import." complete:"import"`
	verb string
}

// Run implements `bulkhead imports cancel`, pause, resume and approve.
func (c *importsSteer) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	var imp bulk.Import
	if err := api.call(e.ctx, request{method: http.MethodPost, path: importPath(c.ID, c.verb)}, &imp); err != nil {
		return err
	}
	return e.tell(api, imp)
}

type importsCopy struct {
	ID  string `arg:"" help:"The import." complete:"import"`
	Raw bool   `help:"Keep cells that spreadsheets would run as formulas as they are."`
}

// Run implements `bulkhead imports rejects`.
func (c *importsCopy) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	path := importPath(c.ID, "rejects.csv")
	if c.Raw {
		path += "?raw=1"
	}
	body, err := api.open(e.ctx, path, "text/csv")
	if err != nil {
		return err
	}
	defer body.Close()
	if _, err := io.Copy(e.stdout, body); err != nil {
		return unavailable(err)
	}
	return nil
}

type importsAnswer struct {
	ID string `arg:"" help:"The import." complete:"import"`
}

// Run implements `bulkhead imports receipt`.
func (c *importsAnswer) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	var r bulk.Receipt
	if err := api.call(e.ctx, request{method: http.MethodGet, path: importPath(c.ID, "receipt")}, &r); err != nil {
		return err
	}
	err = e.print(r, func(w io.Writer) {
		summary(w, r.Import, r.RowsPerS)
		for _, cl := range r.RejectGroups {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", cmp.Or(cl.Column, "row"), cl.Code, humanize.Comma(cl.Count))
		}
		fmt.Fprintf(w, "account\t%s of %s records\n", humanize.Comma(r.Usage.Records), humanize.Comma(r.Usage.Quota))
	})
	if err == nil && !r.Balanced {
		return errors.New("the receipt does not balance: rows read differ from the sum of their outcomes")
	}
	return err
}

func importPath(id, what string) string {
	return "/v1/imports/" + url.PathEscape(id) + "/" + what
}
