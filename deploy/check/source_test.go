package check

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// root is the program's source, as seen from here.
const root = "../.."

// program is what the source says about itself.
type program struct {
	metrics   map[string]metric
	variables map[string]bool // BULKHEAD_… that are read
	routes    []string        // paths of the console, as patterns of http.ServeMux
	strings   map[string]bool // every constant string
}

// metric is one family as the source registers it.
type metric struct {
	histogram bool
	labels    []string
}

var source = sync.OnceValues(readSource)

// theProgram reads the source once for all tests.
func theProgram(t *testing.T) *program {
	t.Helper()
	p, err := source()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.metrics) < 8 || len(p.variables) < 3 || len(p.routes) < 20 {
		t.Fatalf("source not understood: %d metrics, %d variables, %d routes", len(p.metrics), len(p.variables), len(p.routes))
	}
	return p
}

func readSource() (*program, error) {
	p := &program{metrics: map[string]metric{}, variables: map[string]bool{}, strings: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (strings.HasPrefix(name, ".") && path != root || name == "node_modules" || name == "testdata" || name == "deploy" || name == "loadtest") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_templ.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool { p.note(path, n); return true })
		return nil
	})
	return p, err
}

var (
	variable = regexp.MustCompile(`BULKHEAD_[A-Z_]+`)
	pattern  = regexp.MustCompile(`^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/\S*)$`)
)

func (p *program) note(path string, n ast.Node) {
	switch n := n.(type) {
	case *ast.BasicLit:
		text := literal(n)
		p.strings[text] = true
		for _, name := range variable.FindAllString(text, -1) {
			p.variables[name] = true
		}
		if m := pattern.FindStringSubmatch(text); m != nil && strings.HasPrefix(path, root+"/console/") {
			p.routes = append(p.routes, m[1])
		}
	case *ast.CallExpr:
		p.noteCall(n)
	}
}

// noteCall notes prometheus.NewGauge(opts), NewGaugeVec(opts, labels) and their like,
// and prometheus.NewDesc(name, help, labels, …).
func (p *program) noteCall(call *ast.CallExpr) {
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if pkg, isName := selected(fun, ok); !isName || pkg != "prometheus" || len(call.Args) == 0 {
		return
	}
	name, labels := "", call.Args[1:]
	switch fun.Sel.Name {
	case "NewDesc":
		name, labels = literal(call.Args[0]), call.Args[2:3]
	default:
		opts, ok := call.Args[0].(*ast.CompositeLit)
		if !ok {
			return
		}
		for _, e := range opts.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && ident(kv.Key) == "Name" {
				name = literal(kv.Value)
			}
		}
	}
	if name == "" {
		return
	}
	m := metric{histogram: strings.HasPrefix(fun.Sel.Name, "NewHistogram")}
	for _, l := range labels {
		if list, ok := l.(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				m.labels = append(m.labels, literal(e))
			}
		}
	}
	p.metrics[name] = m
}

func selected(s *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	return ident(s.X), true
}

func ident(e ast.Expr) string {
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
