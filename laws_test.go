package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// maxParameters is what a function, a method or a function type may have; a context
// counts as one. What needs more takes a struct that says what each value is.
const maxParameters = 4

// TestNoFunctionHasMoreThanFourParameters is about all code but tests and what is
// generated.
func TestNoFunctionHasMoreThanFourParameters(t *testing.T) {
	for dir, files := range packages(t, false) {
		for _, long := range longSignatures(files) {
			t.Errorf("%s %s has more than %d parameters", dir, long, maxParameters)
		}
	}
}

// TestNamesDifferInMoreThanCase: who hears a name, or searches for it without regard
// to case, finds one thing in a package, and one spelling of an exported name in all.
func TestNamesDifferInMoreThanCase(t *testing.T) {
	var exported []string
	for dir, files := range packages(t, true) {
		names := packageNames(files)
		for _, twins := range caseTwins(names) {
			t.Errorf("%s: %s differ only in case", dir, twins)
		}
		exported = append(exported, slices.DeleteFunc(names, func(n string) bool { return !ast.IsExported(n) })...)
	}
	for _, twins := range caseTwins(exported) {
		t.Errorf("exported %s differ only in case", twins)
	}
}

// longSignatures lists the functions with too many parameters: "Name", "Type.Method",
// of an interface or of a receiver, and named function types.
func longSignatures(files []*ast.File) (long []string) {
	add := func(f *ast.FuncType, name string) {
		if f.Params.NumFields() > maxParameters {
			long = append(long, name)
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				name := n.Name.Name
				if n.Recv != nil {
					name = receiver(n.Recv.List[0].Type) + "." + name
				}
				add(n.Type, name)
			case *ast.TypeSpec:
				switch of := n.Type.(type) {
				case *ast.FuncType:
					add(of, n.Name.Name)
				case *ast.InterfaceType:
					for _, m := range of.Methods.List {
						if method, ok := m.Type.(*ast.FuncType); ok {
							add(method, n.Name.Name+"."+m.Names[0].Name)
						}
					}
				}
			case *ast.FuncLit:
				add(n.Type, "a function literal")
			}
			return true
		})
	}
	return long
}

// receiver is the name of a receiver's type, without its pointer and parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return fmt.Sprintf("%T", e)
}

// packageNames lists what the files declare at package level, methods aside.
func packageNames(files []*ast.File) (names []string) {
	for _, f := range files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names = append(names, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names = append(names, s.Name.Name)
					case *ast.ValueSpec:
						for _, n := range s.Names {
							names = append(names, n.Name)
						}
					}
				}
			}
		}
	}
	return names
}

// caseTwins lists, sorted, the spellings of names of which there are several.
func caseTwins(names []string) (twins []string) {
	spellings := map[string][]string{}
	for _, n := range names {
		if key := strings.ToLower(n); !slices.Contains(spellings[key], n) {
			spellings[key] = append(spellings[key], n)
		}
	}
	for _, s := range spellings {
		if len(s) > 1 {
			slices.Sort(s)
			twins = append(twins, strings.Join(s, ", "))
		}
	}
	slices.Sort(twins)
	return twins
}

// packages parses all code that is not generated, by its folder; the tests that see
// a package from outside are one of their own.
func packages(t *testing.T, tests bool) map[string][]*ast.File {
	all := map[string][]*ast.File{}
	eachFile(t, ".go", func(file string) {
		if strings.HasSuffix(file, "_templ.go") || strings.HasSuffix(file, "_test.go") && !tests {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		if strings.HasSuffix(f.Name.Name, "_test") {
			dir += " " + f.Name.Name
		}
		all[dir] = append(all[dir], f)
	})
	if len(all) < 30 {
		t.Fatalf("only %d packages were read", len(all))
	}
	return all
}

// TestLawsSeeWhatBreaksThem plants violations in small sources.
func TestLawsSeeWhatBreaksThem(t *testing.T) {
	tests := []struct {
		name, source, long, twins string
	}{
		{name: "four parameters", source: `func f(a, b int, c, d string) {}`},
		{name: "five of a function", source: `func f(a, b, c, d, e int) {}`, long: "f"},
		{name: "five without names", source: `type f func(int, int, int, int, int)`, long: "f"},
		{name: "five of a method", source: `type T[K any] struct{}; func (*T[K]) M(a, b, c, d int, e ...int) {}`, long: "T.M"},
		{name: "five of a port", source: `type P interface{ M(a, b, c, d, e int); N(a int) }`, long: "P.M"},
		{name: "five of a literal", source: `var f = func(a, b, c, d, e int) {}`, long: "a function literal"},
		{name: "twins of a type and a function", source: `type Batch struct{}; func batch() {}`, twins: "Batch, batch"},
		{name: "twins of a constant and a variable", source: `const maxRows = 1; var MaxRows, other int`, twins: "MaxRows, maxRows"},
		{name: "methods and locals are no names of a package", source: `type T struct{}; func (T) Read() {}; func read() { Read := 1; _ = Read }`},
		{name: "one spelling twice", source: `func init() {}; func init() {}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := parser.ParseFile(token.NewFileSet(), "p.go", "package p\n"+test.source, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(longSignatures([]*ast.File{f}), "; "); got != test.long {
				t.Errorf("too long: got %q, want %q", got, test.long)
			}
			if got := strings.Join(caseTwins(packageNames([]*ast.File{f})), "; "); got != test.twins {
				t.Errorf("twins: got %q, want %q", got, test.twins)
			}
		})
	}
}
