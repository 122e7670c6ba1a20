package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"

	"bulkhead/internal/app"
	"bulkhead/internal/config"
)

// Profiles are at an address of their own, and not among what the role itself serves.
func TestProfilesHaveTheirOwnAddress(t *testing.T) {
	t.Parallel()
	dir, out := t.TempDir(), &logs{}
	cfg := config.RoleConfig{
		Store: "sqlite:" + filepath.Join(dir, "store.db"), Objects: "file://" + dir, ClusterSecret: "0123456789abcdef",
		Listen: "127.0.0.1:0", Pprof: "127.0.0.1:0",
	}
	if err := app.RunMigrate(io.Discard)(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.RunProcessor(out)(ctx, cfg) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for pattern, want := range map[string]int{`msg=started .*listen=(\S+)`: http.StatusNotFound, `msg="serving profiles" .*address=(\S+)`: http.StatusOK} {
		res, err := http.Get("http://" + said(t, out, pattern) + "/debug/pprof/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: got %d, want %d", pattern, res.StatusCode, want)
		}
	}
}

// said waits for a line of the log and returns its group.
func said(t *testing.T, out *logs, pattern string) string {
	t.Helper()
	line := regexp.MustCompile(pattern)
	var found []string
	eventually(t, func() bool { found = line.FindStringSubmatch(out.String()); return found != nil }, func() string {
		return fmt.Sprintf("the log never had %s:\n%s", pattern, out)
	})
	return found[1]
}
