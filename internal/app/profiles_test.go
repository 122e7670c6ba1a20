package app_test

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"testing"
	"time"

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
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		if m := line.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the log never had %s:\n%s", pattern, out)
		}
	}
}
