package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"

	"github.com/dustin/go-humanize"

	"bulkhead/internal/bulk"
	"bulkhead/internal/verify"
)

type verifyCommand struct {
	ID     string `arg:"" help:"The import; it must be completed." complete:"import"`
	Source string `required:"" help:"The file that was imported." type:"existingfile" placeholder:"FILE"`
}

// Run implements `bulkhead verify`.
func (c *verifyCommand) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	report, err := verify.Run(e.ctx, &verified{api}, bulk.ImportID(c.ID), func() (io.ReadCloser, error) { return os.Open(c.Source) })
	if err != nil {
		return err
	}
	if err := e.print(report, func(w io.Writer) { printReport(w, report) }); err != nil {
		return err
	}
	if !report.Equal {
		return outcome(exitFailed)
	}
	return nil
}

func printReport(w io.Writer, r verify.Report) {
	if r.Equal {
		fmt.Fprintln(w, "equal")
	} else {
		fmt.Fprintln(w, "DIFFERENT")
	}
	for _, d := range r.Differences {
		fmt.Fprintln(w, "  "+d)
	}
	if r.More > 0 {
		fmt.Fprintf(w, "  and %s more\n", humanize.Comma(r.More))
	}
	fmt.Fprintf(w, "rows in the source\t%s\n", humanize.Comma(r.Rows))
	for _, code := range slices.Sorted(maps.Keys(r.Rejected)) {
		fmt.Fprintf(w, "  break a rule, %s\t%s\n", code, humanize.Comma(r.Rejected[code]))
	}
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(w, "  refused, %s\t%s\n", code, humanize.Comma(r.Refused[code]))
	}
	fmt.Fprintf(w, "different keys\t%s\n", humanize.Comma(r.Keys))
	fmt.Fprintf(w, "records compared\t%s\n", humanize.Comma(r.Compared))
	fmt.Fprintf(w, "changed by later imports\t%s\n", humanize.Comma(r.Changed))
	fmt.Fprintf(w, "cross-check\t%s\n", r.CrossCheck)
	fmt.Fprintf(w, "SHA-256\t%s\n", r.SHA256)
}

// verified is the API as the verification asks it.
type verified struct{ *client }

func (v *verified) Import(ctx context.Context, id bulk.ImportID) (bulk.Import, error) {
	return v.get(ctx, id)
}

func (v *verified) Dataset(ctx context.Context, name bulk.DatasetName) (bulk.Dataset, error) {
	return v.dataset(ctx, name)
}

func (v *verified) Rejects(ctx context.Context, id bulk.ImportID) (io.ReadCloser, error) {
	return v.open(ctx, importPath(string(id), "rejects.csv"), "text/csv")
}

// Records pages through the dataset as NDJSON.
func (v *verified) Records(ctx context.Context, name bulk.DatasetName, each func([]byte) error) error {
	q := url.Values{"limit": {"5000"}}
	for {
		next, err := v.page(ctx, "/v1/datasets/"+url.PathEscape(string(name))+"/records?"+q.Encode(), each)
		if err != nil || next == "" {
			return err
		}
		q.Set("cursor", next)
	}
}

func (v *verified) page(ctx context.Context, path string, each func([]byte) error) (next string, err error) {
	req, err := v.newRequest(ctx, http.MethodGet, path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := v.do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	for lines := bufio.NewReaderSize(resp.Body, 256<<10); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(bytes.TrimSpace(line)) == 0 {
			return resp.Header.Get("Next-Cursor"), nil
		}
		if err != nil {
			return "", unavailable(fmt.Errorf("a page of records ended early: %w", err))
		}
		if err := each(line); err != nil {
			return "", err
		}
	}
}
