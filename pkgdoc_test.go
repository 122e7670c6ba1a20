package main

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every package says in one comment what it is for, and only once.
func TestEveryPackageHasOneComment(t *testing.T) {
	comments := map[string]int{}
	eachFile(t, ".go", func(file string) {
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(file)
		comments[dir] += count(f)
	})
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package in %s has %d package comments, want 1", dir, n)
		}
	}
}

func count(f *ast.File) int {
	if f.Doc != nil && len(strings.TrimSpace(f.Doc.Text())) > 40 {
		return 1
	}
	return 0
}

// withoutExample are public packages that make sense only within a whole system.
var withoutExample = []string{
	"console",          // needs every port: internal/app is its example
	"web",              // pages: page_demo_test.go of console shows them all
	"ingest/remote",    // two ends of one conversation between processes
	"processors/lease", // the same
}

// Each public package shows how it is used, in an example that runs.
func TestEveryPublicPackageHasAnExample(t *testing.T) {
	examples := map[string]bool{} // by folder; false: none yet
	eachFile(t, ".go", func(file string) {
		dir := filepath.ToSlash(filepath.Dir(file))
		if top, _, _ := strings.Cut(dir, "/"); slices.Contains([]string{".", "internal", "loadtest", "deploy"}, top) {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		examples[dir] = examples[dir] || slices.ContainsFunc(doc.Examples(f), func(e *doc.Example) bool { return e.Output != "" })
	})
	for dir, shown := range examples {
		if except := slices.Contains(withoutExample, dir); !shown && !except {
			t.Errorf("%s has no example with an output", dir)
		} else if shown && except {
			t.Errorf("%s has an example: take it from the list", dir)
		}
	}
}
