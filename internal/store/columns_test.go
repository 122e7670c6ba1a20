package store

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

// addColumns makes of a store's schema that of a later version: every table of ours has a
// column more than this code knows.
func addColumns(t testing.TB, s *Store) {
	t.Helper()
	list := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if _, ok := s.engine.(postgresEngine); ok {
		list = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`
	}
	var tables []string
	if err := s.write.Select(&tables, list); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if strings.HasPrefix(table, "sqlite_") || strings.HasPrefix(table, "goose_") {
			continue
		}
		if _, err := s.write.Exec(`ALTER TABLE "` + table + `" ADD COLUMN later_` + string(bulk.NewUserID()) + ` TEXT NOT NULL DEFAULT 'x'`); err != nil {
			t.Fatal(err)
		}
	}
}

// During a rolling upgrade the schema moves ahead of processes that are at work, whose
// connections have prepared their statements for the schema as it was. Nothing of theirs
// fails, above all no batch. The whole suite runs against such a schema, too: see engines.
func TestSchemaMovesAheadOfARunningProcess(t *testing.T) {
	onEngines(t, func(t *testing.T, f *fixture) {
		ctx, account := t.Context(), f.account
		everything := func() {
			t.Helper()
			imp := f.newImport(account, bulk.ModeUpsert, bulk.Options{})
			f.stage(imp, 2, 1)
			f.commit(imp, 0, row{1, "a", ""}, row{2, "b", ""})
			f.commit(imp, 1, row{3, "a", "again"})
			dry := f.newImport(account, bulk.ModeUpsert, bulk.Options{DryRun: true})
			f.stage(dry, 1)
			f.must(f.Check(ctx, commitOf(f.work(dry, 0))))
			_, err := f.Approve(ctx, account, dry.ID)
			f.must(err)
			_, err = f.Fail(ctx, bulk.BatchID{Import: dry.ID}, "node_test", "broken")
			f.must(err)
			_, err = f.Pause(ctx, account, dry.ID)
			f.must(err)
			_, err = f.Cancel(ctx, account, dry.ID)
			f.must(err)
			_, err = f.Receipt(ctx, account, imp.ID)
			f.must(err)
			_, err = f.Unreported(ctx, 10)
			f.must(err)
			_, _, err = f.ListImports(ctx, account, bulk.ImportFilter{})
			f.must(err)
			_, err = f.ListAccounts(ctx)
			f.must(err)
			_, err = f.ListKeys(ctx, account)
			f.must(err)
			f.must(f.Announce(ctx, bulk.Node{ID: "node_test", StartedAt: now()}))
			_, err = f.Nodes(ctx, "", time.Hour)
			f.must(err)
			f.wantUsage(account, 2)
			wantState(t, f.get(imp), bulk.StateCompleted)
		}
		everything()
		addColumns(t, f.Store)
		everything()
	})
}

// starred finds what depends on the columns that a table happens to have.
var starred = regexp.MustCompile(`(?i)(\b(SELECT|RETURNING)\s+|,\s*)(\w+\.)?\*|\bINSERT\s+INTO\s+\S+\s+(VALUES|SELECT)\b`)

func TestStatementsNameTheirColumns(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING && starred.MatchString(text.Value) {
				t.Errorf("%s: name the columns in %s", set.Position(text.Pos()), text.Value)
			}
			return true
		})
	}
}
