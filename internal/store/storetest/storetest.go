// Package storetest gives tests a place of their own on the PostgreSQL servers that are
// there: Debian's, and the newest beside it.
package storetest

import (
	"database/sql"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"bulkhead/internal/bulk"
)

// Servers are the variables with the servers' addresses.
var Servers = []string{"BULKHEAD_TEST_POSTGRES", "BULKHEAD_TEST_POSTGRES18"}

// Schema makes a schema on the server whose address the variable has, drops it when the
// test ends, and returns an address that works in it. Without a server the test is skipped,
// or fails where services are required.
func Schema(t testing.TB, variable string) string {
	t.Helper()
	url := os.Getenv(variable)
	if url == "" && os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
		t.Fatal(variable + " is not set, but services are required")
	}
	if url == "" {
		t.Skip("SKIPPED: no PostgreSQL; set " + variable + ", for example by `task services:up`")
	}
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	schema := "t_" + string(bulk.NewUserID()[4:])
	if _, err := admin.ExecContext(t.Context(), `CREATE SCHEMA `+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(`DROP SCHEMA ` + schema + ` CASCADE`); err != nil { //nolint:noctx // the test's context has ended
			t.Error(err)
		}
		admin.Close()
	})
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + schema
}
