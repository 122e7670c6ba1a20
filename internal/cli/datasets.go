package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"bulkhead/internal/bulk"
)

type datasetsCommand struct {
	Infer datasetsInfer `cmd:"" help:"Print a dataset spec (YAML) that fits a file; needs no server."`
	Apply datasetsApply `cmd:"" help:"Create a dataset, or add columns to it (operators)."`
	List  datasetsList  `cmd:"" help:"List datasets."`
	Show  datasetsShow  `cmd:"" help:"Print a dataset's spec (YAML)."`
}

type datasetsApply struct {
	File string `arg:"" optional:"" default:"-" help:"Spec as YAML or JSON; - or nothing for standard input." placeholder:"SPEC.yaml"`
}

// Run implements `bulkhead datasets apply`.
func (c *datasetsApply) Run(e *env) error {
	spec, err := c.read(e.stdin)
	if err != nil {
		return err
	}
	api, err := e.client()
	if err != nil {
		return err
	}
	var d bulk.Dataset
	if err := api.call(e.ctx, request{method: http.MethodPut, path: "/v1/datasets/" + url.PathEscape(string(spec.Name)), in: spec}, &d); err != nil {
		return err
	}
	return e.print(d, func(w io.Writer) {
		fmt.Fprintf(w, "dataset %s, version %d: %d columns, key %s\n", d.Name, d.Version, len(d.Columns), strings.Join(d.Key, ", "))
	})
}

// maxSpec bounds a spec file, in bytes.
const maxSpec = 4 << 20

func (c *datasetsApply) read(stdin io.Reader) (bulk.Spec, error) {
	in := stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return bulk.Spec{}, usage("%v.", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSpec))
	if err != nil {
		return bulk.Spec{}, fmt.Errorf("read the spec: %w", err)
	}
	spec, err := parseSpec(data)
	if err != nil {
		return spec, err
	}
	return spec, spec.Check()
}

// parseSpec reads YAML, of which JSON is a part. Unknown and repeated fields are
// errors; every error shows the line it is about.
func parseSpec(data []byte) (bulk.Spec, error) {
	var spec bulk.Spec
	err := yaml.UnmarshalWithOptions(data, &spec, yaml.Strict(), yaml.CustomUnmarshaler(parseScalar))
	if err != nil {
		return spec, bulk.Errorf(bulk.KindInvalid, "bad_spec", "The spec cannot be read: %s", yaml.FormatError(err, false, true))
	}
	return spec, nil
}

// parseScalar keeps numbers as they are written: through a float, 38 digits would not last.
func parseScalar(s *bulk.Scalar, doc []byte) error {
	f, err := parser.ParseBytes(doc, 0)
	if err != nil || len(f.Docs) != 1 {
		return fmt.Errorf("want a single value, got %s", doc)
	}
	switch node := f.Docs[0].Body.(type) {
	case nil, *ast.NullNode:
	case *ast.StringNode:
		*s = bulk.Scalar(node.Value)
	case *ast.LiteralNode:
		*s = bulk.Scalar(node.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		*s = bulk.Scalar(node.GetToken().Value)
	default:
		return fmt.Errorf("want a single value, got %s", doc)
	}
	return nil
}

// printSpec writes a spec as YAML, or as one line of JSON with --json.
func printSpec(e *env, spec bulk.Spec) error {
	if e.json {
		return e.print(spec, nil)
	}
	data, err := yaml.MarshalWithOptions(spec, yaml.IndentSequence(true))
	if err != nil {
		return err
	}
	_, err = e.stdout.Write(data)
	return err
}

type datasetsList struct{}

// Run implements `bulkhead datasets list`.
func (c *datasetsList) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	return printList(e, list[bulk.Dataset](e.ctx, api, "/v1/datasets", url.Values{}), "NAME\tTITLE\tKEY\tCOLUMNS\tVERSION", func(d bulk.Dataset) string {
		return fmt.Sprintf("%s\t%s\t%s\t%d\t%d", d.Name, cmp.Or(d.Title, "-"), strings.Join(d.Key, ","), len(d.Columns), d.Version)
	})
}

type datasetsShow struct {
	Name string `arg:"" help:"The dataset." complete:"dataset"`
}

// Run implements `bulkhead datasets show`.
func (c *datasetsShow) Run(e *env) error {
	api, err := e.client()
	if err != nil {
		return err
	}
	d, err := api.dataset(e.ctx, bulk.DatasetName(c.Name))
	if err != nil {
		return err
	}
	return printSpec(e, d.Spec)
}
