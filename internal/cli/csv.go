package cli

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/dustin/go-humanize"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
	"bulkhead/internal/csvfile"
)

type csvCommand struct {
	Sniff     csvSniff     `cmd:"" help:"Show dialect, encoding, header and types of a file."`
	Normalize csvNormalize `cmd:"" help:"Print a file as RFC 4180 UTF-8; rejected records go to standard error as JSON lines, and the exit code is then 3."`
}

// openCSV opens a file, or standard input for -. The caller calls done.
func openCSV(e *env, name string, choice bulk.DialectChoice) (f *csvfile.File, done func(), err error) {
	in := io.NopCloser(e.stdin)
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return nil, nil, usage("%v.", err)
		}
	}
	f, err = csvfile.Open(&ctxReader{e.ctx, in}, choice)
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	return f, func() { f.Close(); in.Close() }, nil
}

type csvNormalize struct {
	File         string `arg:"" help:"CSV file, plain, gzip or zstd; - for standard input." placeholder:"FILE"`
	dialectFlags `embed:""`
}

// recordReject is a record that the reader cannot take, as it is printed.
type recordReject struct {
	Line    int64     `json:"line"`
	Offset  int64     `json:"offset"`
	Code    bulk.Code `json:"code"`
	Message string    `json:"message"`
	Raw     string    `json:"raw"` // bytes that are not UTF-8 are replaced
}

// Run implements `bulkhead csv normalize`.
func (c *csvNormalize) Run(e *env) error {
	f, done, err := openCSV(e, c.File, c.choice())
	if err != nil {
		return err
	}
	defer done()
	errs := bufio.NewWriter(e.stderr)
	enc, rejected := json.NewEncoder(errs), false
	err = csvscan.Normalize(e.stdout, func(r *csvscan.Record) error {
		rejected = true
		return enc.Encode(recordReject{r.Line, r.Offset, r.Code, cmp.Or(r.Detail, r.Code.Sentence()), strings.ToValidUTF8(string(r.Raw), "\uFFFD")})
	}, f.Scanner())
	if err := cmp.Or(err, errs.Flush()); err != nil {
		return err
	}
	if rejected {
		return outcome(exitRejects)
	}
	return nil
}

type csvSniff struct {
	File         string `arg:"" help:"CSV file, plain, gzip or zstd; - for standard input." placeholder:"FILE"`
	dialectFlags `embed:""`
}

// sniffed is what an import would take a file for.
type sniffed struct {
	Dialect  bulk.Dialect    `json:"dialect"`
	Header   []string        `json:"header"`
	Columns  []sniffedColumn `json:"columns"`
	Rows     int64           `json:"rows"`     // rejected ones included
	Rejected int64           `json:"rejected"` // records that the reader cannot take
	Blank    int64           `json:"blank_lines"`
}

type sniffedColumn struct {
	Name  string    `json:"name"`
	Type  bulk.Type `json:"type"`  // the narrowest that every value of the file has
	Field string    `json:"field"` // name of a dataset column made of it
}

// Run implements `bulkhead csv sniff`.
func (c *csvSniff) Run(e *env) error {
	f, done, err := openCSV(e, c.File, c.choice())
	if err != nil {
		return err
	}
	defer done()
	found, err := inferFile(f)
	if err != nil {
		return err
	}
	spec, _ := found.Spec("sniffed", nil) // without a key it is no dataset, but its types stand
	s := sniffed{Dialect: f.Dialect, Header: found.header, Rows: found.rows, Rejected: found.rejected, Blank: f.Scanner().Blank()}
	for i, col := range spec.Columns {
		s.Columns = append(s.Columns, sniffedColumn{found.header[i], col.Type, col.Name})
	}
	return e.print(s, func(w io.Writer) { printSniffed(w, s) })
}

func printSniffed(w io.Writer, s sniffed) {
	d := s.Dialect
	fmt.Fprintf(w, "encoding\t%s\n", d.Encoding)
	fmt.Fprintf(w, "delimiter\t%q\nquote\t%q\n", string(d.Delimiter), string(d.Quote))
	for _, line := range []struct {
		name, value string
		shown       bool
	}{
		{"escape", fmt.Sprintf("%q", string(d.Escape)), d.Escape != d.Quote},
		{"compression", d.Compression, d.Compression != ""},
		{"byte order mark", "yes", d.BOM},
		{"header", "none", d.NoHeader},
		{"sep= line", "yes", d.SepLine},
		{"rejects.csv", "yes, its added columns are dropped", d.Rejects},
		{"blank lines", humanize.Comma(s.Blank), s.Blank > 0},
		{"rejected", humanize.Comma(s.Rejected), s.Rejected > 0},
	} {
		if line.shown {
			fmt.Fprintf(w, "%s\t%s\n", line.name, line.value)
		}
	}
	fmt.Fprintf(w, "rows\t%s\n\nCOLUMN\tTYPE\tFIELD\n", humanize.Comma(s.Rows))
	for _, c := range s.Columns {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, c.Type, c.Field)
	}
}
