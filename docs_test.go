package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	markdownTarget = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fenced         = regexp.MustCompile("(?s)\n```.*?\n```")
	quoted         = regexp.MustCompile("`([^`\n]+)`")
	testName       = regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z]\w*$`)
	testPattern    = regexp.MustCompile(`-(?:run|bench|fuzz)[ =]'?((?:Test|Fuzz|Benchmark)[A-Z]\w*)`)
	qualified      = regexp.MustCompile(`^([a-z]\w*)\.([A-Z]\w*)(?:\.([A-Z]\w*))?$`)
	goFile         = regexp.MustCompile(`^[\w/]+\.go$`)
	notOfHeading   = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// TestDocumentsLinkToWhatExists: a relative link's file is there, and so is its heading.
func TestDocumentsLinkToWhatExists(t *testing.T) {
	links := 0
	eachFile(t, ".md", func(file string) {
		for _, link := range markdownTarget.FindAllStringSubmatch(prose(t, file), -1) {
			path, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(path, ":") {
				continue
			}
			links++
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", file, err)
			} else if anchor != "" && !slices.Contains(anchors(t, target), anchor) {
				t.Errorf("%s: %s has no heading %q", file, target, anchor)
			}
		}
	})
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}

// TestDocumentsNameWhatExists: a test, a file and a `package.Name` that a document
// mentions are there under that name.
func TestDocumentsNameWhatExists(t *testing.T) {
	declared := declarations(t)
	names := 0
	eachFile(t, ".md", func(file string) {
		for _, q := range quoted.FindAllStringSubmatch(prose(t, file), -1) {
			known, missing := declared.look(q[1])
			if known {
				names++
			}
			if missing {
				t.Errorf("%s: there is no %s", file, q[1])
			}
		}
	})
	if names < 200 {
		t.Errorf("only %d names were found", names)
	}
}

// TestDocumentsRunWhatExists: a command that a document gives runs some test.
func TestDocumentsRunWhatExists(t *testing.T) {
	declared := declarations(t)
	eachFile(t, ".md", func(file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range declared.runNothing(string(b)) {
			t.Errorf("%s: no test begins with %s", file, name)
		}
	})
}

// runNothing lists the patterns of go test's commands in a text that match no test's beginning.
func (c code) runNothing(text string) (patterns []string) {
	for _, run := range testPattern.FindAllStringSubmatch(strings.ReplaceAll(text, "\n", " "), -1) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(c.names)), func(name string) bool { return strings.HasPrefix(name, run[1]) }) {
			patterns = append(patterns, run[1])
		}
	}
	return patterns
}

// code is what the module declares: "Name" of tests, "package.Name" of all else, methods and fields
// among it, and the names of its files and folders.
type code struct {
	names, files, packages map[string]bool
}

// look says whether a quoted text is the name of something in the code, and whether that is missing.
func (c code) look(text string) (known, missing bool) {
	if testName.MatchString(text) {
		return true, !c.names[text]
	}
	if m := qualified.FindStringSubmatch(text); m != nil && c.packages[m[1]] {
		return true, !c.names[m[1]+"."+m[2]] || m[3] != "" && !c.names[m[1]+"."+m[3]]
	}
	if goFile.MatchString(text) {
		return true, !c.files[text]
	}
	if top, _, ok := strings.Cut(text, "/"); ok && c.files[top] && !strings.ContainsAny(text, " *…<{$,=") {
		_, err := os.Stat(text)
		return true, err != nil
	}
	return false, false
}

func declarations(t *testing.T) code {
	c := code{names: map[string]bool{}, files: map[string]bool{}, packages: map[string]bool{}}
	folders, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() && !strings.HasPrefix(f.Name(), ".") {
			c.files[f.Name()] = true
		}
	}
	eachFile(t, ".go", func(file string) {
		for at := filepath.ToSlash(file); ; _, at, _ = strings.Cut(at, "/") { // by its name, and by any path to it
			c.files[at] = true
			if !strings.Contains(at, "/") {
				break
			}
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		c.read(f)
	})
	return c
}

func (c code) read(f *ast.File) {
	c.packages[f.Name.Name] = true
	add := func(name string) {
		c.names[f.Name.Name+"."+name] = true
		if testName.MatchString(name) {
			c.names[name] = true
		}
	}
	for _, name := range packageNames([]*ast.File{f}) {
		add(name)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n.Name.Name)
		case *ast.Field:
			for _, name := range n.Names {
				add(name.Name)
			}
		}
		return true
	})
}

// prose is a document without its blocks of code.
func prose(t *testing.T, file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fenced.ReplaceAllString(string(b), "")
}

// anchors are what links to a document's headings end with.
func anchors(t *testing.T, file string) (all []string) {
	for line := range strings.Lines(prose(t, file)) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			all = append(all, strings.ReplaceAll(notOfHeading.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-"))
		}
	}
	return all
}

// TestDocumentLawsSeeWhatBreaksThem plants names that are there and some that are not.
func TestDocumentLawsSeeWhatBreaksThem(t *testing.T) {
	c := declarations(t)
	for text, missing := range map[string]bool{
		"TestDocumentsNameWhatExists": false, "TestNobodyWrote": true,
		"bulk.BatchRef": false, "bulk.BatchRef.Rows": false, "bulk.NoSuchName": true,
		"docs_test.go": false, "bulk/ids.go": false, "nobody_wrote.go": true,
		"internal/bulk": false, "internal/nowhere": true,
	} {
		known, got := c.look(text)
		if !known || got != missing {
			t.Errorf("%s: known %v, missing %v, want %v", text, known, got, missing)
		}
	}
	for _, text := range []string{"rejects.csv", "Retry-After", "GET /v1/usage", "tus.Upload"} {
		if known, _ := c.look(text); known {
			t.Errorf("%s is taken for a name of the code", text)
		}
	}
	if got := c.runNothing("go test . -run TestDocumentsRun\ngo test -run 'TestNobodyWrote|x' -bench=BenchmarkNothing -run\nTestNotice"); !slices.Equal(got, []string{"TestNobodyWrote", "BenchmarkNothing"}) {
		t.Errorf("commands that run nothing: %v", got)
	}
	if got := anchors(t, "README.md"); !slices.Contains(got, "what-it-guarantees") {
		t.Errorf("headings of README.md: %v", got)
	}
}
