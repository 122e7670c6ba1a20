package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write NOTICE anew")

const noticeHead = `Bulkhead is under the Apache License 2.0, see LICENSE. The program contains the work of
others, under the licences below: a text stands once, after the names of all that it
is for. "go test . -run TestNotice -update" writes this file.
`

// TestNoticeNamesAllThatIsShipped: NOTICE has the licence and the notices of each
// module that is linked into the program, at its version, of Go itself and of the
// libraries that the pages send to browsers.
func TestNoticeNamesAllThatIsShipped(t *testing.T) {
	texts := map[string][]string{} // licence → whose
	for name, dir := range shipped(t) {
		found := licences(t, dir)
		if len(found) == 0 {
			t.Errorf("%s has no licence", name)
		}
		for _, text := range found {
			texts[text] = append(texts[text], name)
		}
	}
	vendored, err := filepath.Glob("web/static/vendor/*.LICENSE")
	if err != nil || len(vendored) == 0 {
		t.Fatalf("licences of browser libraries: %v, %v", vendored, err)
	}
	for _, file := range vendored {
		texts[tidy(t, file)] = []string{"in pages: " + strings.TrimSuffix(filepath.Base(file), ".LICENSE")}
	}
	var sections []string
	for text, names := range texts {
		slices.Sort(names)
		sections = append(sections, strings.Join(names, "\n")+"\n\n"+text)
	}
	slices.Sort(sections)
	rule := "\n" + strings.Repeat("-", 80) + "\n"
	want := noticeHead + rule + strings.Join(sections, rule)
	if *update {
		if err := os.WriteFile("NOTICE", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile("NOTICE"); err != nil || string(got) != want {
		t.Errorf("NOTICE is not what the program contains (%v): go test . -run TestNotice -update", err)
	}
}

// TestSQLiteHasItsOwnLibc: modernc.org/sqlite is translated for one version of
// modernc.org/libc and wants no other, which nothing but this says when a third module asks for it.
func TestSQLiteHasItsOwnLibc(t *testing.T) {
	for name, dir := range shipped(t) {
		if !strings.HasPrefix(name, "modernc.org/sqlite ") {
			continue
		}
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`modernc\.org/libc v\S+`).FindString(string(mod))
		if _, ok := shipped(t)[want]; !ok {
			t.Errorf("%s wants %s, which is not what go.mod has", name, want)
		}
		return
	}
	t.Error("modernc.org/sqlite is not there")
}

// shipped is where the source lies of each module that the image's program contains,
// by name and version, and of Go.
func shipped(t *testing.T) map[string]string {
	list := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return string(out)
	}
	root := strings.TrimSpace(list("env", "GOROOT"))
	of := map[string]string{"Go's standard library": root}
	for line := range strings.Lines(list("list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}	{{.Dir}}{{end}}{{end}}`, ".")) {
		if name, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			of[name] = dir
		}
	}
	if len(of) < 30 {
		t.Fatalf("only %v were found", slices.Collect(maps.Keys(of)))
	}
	return of
}

var (
	licenceFile    = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([._-].*)?$`)
	licenceHeading = regexp.MustCompile(`(?im)^.*\blicen[cs]e\b`)
	markdownLink   = regexp.MustCompile(`\[([^][]+)\]\(https?://[^)]*\)`)
)

func licences(t *testing.T, dir string) (texts []string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Type().IsRegular() && licenceFile.MatchString(f.Name()) && filepath.Ext(f.Name()) != ".go" {
			texts = append(texts, tidy(t, filepath.Join(dir, f.Name())))
		}
	}
	if len(texts) > 0 {
		return texts
	}
	if readme := filepath.Join(dir, "README.md"); fileExists(readme) { // some say it there
		text := tidy(t, readme)
		if at := licenceHeading.FindStringIndex(text); at != nil {
			return []string{text[at[0]:]}
		}
	}
	return nil
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// tidy reads a text so that what differs in spaces alone is the same, and links are words.
func tidy(t *testing.T, file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.ReplaceAll(string(b), "\r", ""), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t")
	}
	return fmt.Sprintln(markdownLink.ReplaceAllString(strings.Trim(strings.Join(lines, "\n"), "\n"), "$1"))
}
