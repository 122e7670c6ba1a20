package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// laws says what each room may import of this module. A package falls under the
// longest matching row; it may always import packages of its own row.
var laws = []struct {
	room string
	may  []string
}{
	{"internal/bulk", nil},
	{"internal/wait", nil},
	{"internal/requestid", nil},
	{"internal/permits", []string{"internal/bulk"}},
	{"ingest", []string{"internal/bulk", "ingest/csvscan", "columnar", "internal/digest", "internal/resumable", "internal/permits", "internal/requestid", "internal/wait", "internal/telemetry"}},
	{"internal/digest", []string{"internal/bulk"}},
	{"internal/resumable", []string{"internal/bulk", "internal/digest"}},
	{"ingest/csvscan", []string{"internal/bulk"}},
	{"columnar", []string{"internal/bulk"}},
	{"columnar/mirror", []string{"internal/bulk", "internal/wait"}},
	{"processors", []string{"internal/bulk", "internal/requestid", "internal/wait", "internal/telemetry", "processors/replay"}},
	{"processors/replay", []string{"internal/bulk", "columnar", "processors/validate"}},
	{"processors/drr", []string{"internal/bulk"}},
	{"processors/schedule", []string{"internal/bulk", "processors/drr", "internal/wait"}},
	{"processors/dispatch", []string{"internal/bulk", "processors", "processors/drr", "processors/schedule", "internal/wait"}},
	{"processors/simulate", []string{"internal/bulk", "processors/drr", "processors/schedule"}},
	{"processors/validate", []string{"internal/bulk", "columnar"}},
	{"console", []string{"internal/bulk", "internal/digest", "internal/permits", "internal/resumable", "internal/requestid", "web", "internal/wait"}},
	{"web", []string{"internal/bulk"}},
	{"internal/store", []string{"internal/bulk"}},
	{"internal/broker", []string{"internal/bulk", "internal/wait"}},
	{"internal/objects", []string{"internal/bulk"}},
	{"internal/config", []string{"internal/bulk"}},
	{"internal/peer", []string{"internal/bulk", "internal/requestid", "internal/wait"}},
	{"ingest/remote", []string{"internal/bulk", "internal/peer", "internal/requestid", "internal/resumable"}},
	{"processors/lease", []string{"internal/bulk", "internal/peer", "processors", "processors/drr", "processors/schedule", "internal/wait"}},
	{"internal/sample", []string{"internal/bulk"}},
	{"internal/smalldisk", nil},
	{"internal/mutant", nil},
	{"internal/housekeeping", []string{"internal/bulk", "internal/objects", "internal/wait"}},
	{"internal/httpserver", []string{"internal/bulk"}},
	{"internal/telemetry", []string{"internal/bulk", "internal/requestid"}},
	{"internal/csvfile", []string{"internal/bulk", "ingest/csvscan"}},
	{"internal/verify", []string{"internal/bulk", "internal/csvfile", "ingest/csvscan", "processors/validate"}},
	{"internal/cli", []string{"internal/bulk", "internal/config", "internal/sample", "internal/csvfile", "internal/verify", "ingest/csvscan", "processors/validate", "processors/simulate", "internal/wait"}},
	{"loadtest", []string{"internal/wait"}},
	{"internal/app", []string{"*"}},
	{".", []string{"internal/bulk", "internal/app", "internal/cli", "internal/config", "columnar/mirror"}},
}

// homes says which rooms may import a dependency: one SDK, one room. Every direct
// requirement of go.mod has one.
var homes = map[string][]string{
	"github.com/jmoiron/sqlx":                    {"internal/store"},
	"github.com/pressly/goose/v3":                {"internal/store"},
	"modernc.org/sqlite":                         {"internal/store"},
	"github.com/jackc/pgx/v5":                    {"internal/store"},
	"github.com/twmb/franz-go":                   {"internal/broker"},
	"github.com/apache/arrow/go/v17":             {"columnar", "ingest"},
	"github.com/ClickHouse/clickhouse-go/v2":     {"columnar/mirror"},
	"github.com/ebitengine/purego":               {"columnar/mirror"},
	"github.com/go-faster/city":                  {"columnar/mirror"},
	"github.com/minio/minio-go/v7":               {"internal/objects"},
	"github.com/dunglas/httpsfv":                 {"internal/digest", "internal/resumable"},
	"golang.org/x/text":                          {"ingest"},
	"github.com/klauspost/compress":              {"ingest", "internal/csvfile", "console"},
	"github.com/a-h/templ":                       {"web", "console"},
	"github.com/agnivade/levenshtein":            {"console"},
	"github.com/alecthomas/kong":                 {"internal/cli"},
	"github.com/mattn/go-isatty":                 {"internal/cli"},
	"github.com/goccy/go-yaml":                   {"internal/cli"},
	"github.com/dustin/go-humanize":              {"internal/cli", "web"},
	"github.com/prometheus/client_golang":        {"console", "ingest", "processors", "internal/housekeeping", "internal/telemetry", "internal/app"},
	"github.com/gofrs/flock":                     {"internal/app"},
	"golang.org/x/sync":                          {"internal/httpserver", "internal/app", "processors", "loadtest"},
	"github.com/chromedp/chromedp":               {"console", "internal/app"},
	"github.com/chromedp/cdproto":                {"console"},
	"github.com/rogpeppe/go-internal/testscript": {"internal/cli", "internal/app"},
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	used := make(map[string]bool) // "room → permission", for both tables
	eachImport(t, func(t *testing.T, dir, file, path string) {
		inside, ours := strings.CutPrefix(path, "bulkhead/")
		if !ours {
			for dep, rooms := range homes {
				if !under(path, dep) {
					continue
				}
				home := slices.IndexFunc(rooms, func(r string) bool { return under(dir, r) })
				if home < 0 {
					t.Errorf("%s imports %s, whose home is %v", file, path, rooms)
					continue
				}
				used[dep+" → "+rooms[home]] = true
			}
			return
		}
		law := lawOf(dir)
		test := strings.HasSuffix(file, "_test.go")
		if i := slices.IndexFunc(law.may, func(m string) bool { return m == "*" || under(inside, m) && lawOf(inside).room == m }); i >= 0 {
			used[law.room+" → "+law.may[i]] = true
			return
		}
		allowed := under(inside, law.room) && lawOf(inside).room == law.room ||
			test && under(inside, dir) ||
			test && (inside == "internal/sample" || inside == "internal/objects" || inside == "internal/store" || inside == "internal/smalldisk" || inside == "internal/mutant" || inside == "columnar")
		if !allowed {
			t.Errorf("%s (room %s) may not import %s", file, law.room, path)
		}
	})
	for _, law := range laws {
		for _, m := range law.may {
			if !used[law.room+" → "+m] {
				t.Errorf("room %s may import %s, which it does not: take the permission away", law.room, m)
			}
		}
	}
	for dep, rooms := range homes {
		for _, r := range rooms {
			if !used[dep+" → "+r] {
				t.Errorf("%s has a home in %s, which does not import it", dep, r)
			}
		}
	}
}

// TestEveryRequirementHasAHomeAndAReason: what the module requires itself is in the
// table above and in the table of ARCHITECTURE.md.
func TestEveryRequirementHasAHomeAndAReason(t *testing.T) {
	requirements, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, reasons, _ := strings.Cut(string(text), "\n## Dependencies\n")
	direct := 0
	for line := range strings.Lines(string(requirements)) {
		module, _, ok := strings.Cut(strings.TrimSpace(line), " v")
		if !ok || strings.Contains(line, "// indirect") {
			continue
		}
		direct++
		if !slices.ContainsFunc(slices.Collect(maps.Keys(homes)), func(dep string) bool { return under(module, dep) || under(dep, module) }) {
			t.Errorf("%s has no home", module)
		}
		name := regexp.MustCompile(`^github\.com/|/v\d+$`).ReplaceAllString(module, "")
		if !strings.Contains(reasons, name) {
			t.Errorf("ARCHITECTURE.md does not say what %s is for", name)
		}
	}
	if direct < 10 {
		t.Fatalf("only %d direct requirements were found", direct)
	}
}

func lawOf(dir string) (best struct {
	room string
	may  []string
},
) {
	for _, l := range laws {
		if under(dir, l.room) && len(l.room) > len(best.room) || best.room == "" && l.room == "." {
			best = l
		}
	}
	return best
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// eachImport calls fn for every import of every Go file of the module.
func eachImport(t *testing.T, fn func(t *testing.T, dir, file, path string)) {
	seen := 0
	eachFile(t, ".go", func(file string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			seen++
			fn(t, filepath.ToSlash(filepath.Dir(file)), file, path)
		}
	})
	if seen < 100 {
		t.Fatalf("only %d imports were read", seen)
	}
}

// eachFile calls fn for every file of the module with the suffix.
func eachFile(t *testing.T, suffix string, fn func(file string)) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata" || path == "loadtest/peers") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, suffix) {
			fn(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
