package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/internal/csvfile"
	"bulkhead/processors/validate"
)

type datasetsInfer struct {
	File         string   `arg:"" help:"CSV file, plain, gzip or zstd; - for standard input. All of it is read." placeholder:"FILE"`
	Name         string   `help:"Name of the dataset. Default: made of the file's." placeholder:"N"`
	Key          []string `help:"Columns that identify a record. Default: one that is called so, or the first." placeholder:"COL,…"`
	dialectFlags `embed:""`
}

// Run implements `bulkhead datasets infer`.
func (c *datasetsInfer) Run(e *env) error {
	f, done, err := openCSV(e, c.File, c.choice())
	if err != nil {
		return err
	}
	defer done()
	found, err := inferFile(f)
	if err != nil {
		return err
	}
	name, key := c.Name, c.Key
	if name == "" {
		name = datasetName(c.File)
	}
	if len(key) == 0 {
		key = []string{guessKey(found.header)}
		fmt.Fprintf(e.stderr, "Taking %q as the key, which identifies a record; choose another with --key.\n", key[0])
	}
	spec, err := found.Spec(name, key)
	if err != nil {
		return err
	}
	if found.rejected > 0 {
		fmt.Fprintf(e.stderr, "%d of %d records cannot be read and were left out; see bulkhead csv normalize.\n", found.rejected, found.rows)
	}
	return printSpec(e, spec)
}

// inferred is what reading a whole file showed.
type inferred struct {
	*validate.Inferrer
	header         []string
	rows, rejected int64
}

func inferFile(f *csvfile.File) (*inferred, error) {
	header, err := f.ReadHeader()
	if err != nil {
		return nil, err
	}
	in := &inferred{Inferrer: validate.NewInferrer(header), header: header}
	for {
		r, err := f.Next()
		if err == io.EOF {
			return in, nil
		}
		if err != nil {
			return nil, err
		}
		in.rows++
		if r.Code != "" {
			in.rejected++
			continue
		}
		in.Add(r.Cells)
	}
}

// datasetName makes a name of a file's.
func datasetName(file string) string {
	base := strings.ToLower(filepath.Base(file))
	for _, ext := range []string{".gz", ".zst", ".zstd", ".csv", ".tsv", ".txt"} {
		base = strings.TrimSuffix(base, ext)
	}
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, base), "_")
	switch {
	case name == "":
		return "data"
	case name[0] <= '9':
		name = "data_" + name
	}
	return name[:min(len(name), 48)]
}

// guessKey takes the column that is called a key, or the first.
func guessKey(header []string) string {
	for _, word := range []string{"id", "key", "uuid", "sku", "code"} {
		for _, name := range header {
			if bulk.HeaderKey(name) == word {
				return name
			}
		}
	}
	if i := slices.IndexFunc(header, func(name string) bool { return strings.HasSuffix(strings.ToLower(name), "_id") }); i >= 0 {
		return header[i]
	}
	return header[0]
}
