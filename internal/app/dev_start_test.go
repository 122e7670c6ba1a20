package app_test

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/app"
	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// A start that cannot be says why, and leaves nothing behind that would keep the next from
// starting.
func TestDevSaysWhyItCannotStart(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	start := func(listen string) (*app.Dev, error) {
		return app.StartDev(t.Context(), config.DevConfig{DataDir: dir, Listen: listen, Analytics: "off"}, slog.New(slog.DiscardHandler))
	}
	if _, err := start(taken.Addr().String()); bulk.CodeOf(err) != "cannot_listen" || bulk.KindOf(err) != bulk.KindUnavailable || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("on a port that is taken: %v", err)
	}
	d, err := start("127.0.0.1:0")
	if err != nil {
		t.Fatalf("after a start that failed: %v", err)
	}
	if _, err := start("127.0.0.1:0"); bulk.CodeOf(err) != "in_use" || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("in a directory that is in use: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, stop)
	if err := d.Run(ctx); err != nil {
		t.Error(err)
	}
}
