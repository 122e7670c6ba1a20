package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
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
