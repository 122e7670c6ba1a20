package app_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/app"
	"bulkhead/internal/config"
)

// The first five minutes of the README do what it says when they are pasted into a shell.
func TestReadmeRunsAsPasted(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("SKIPPED: there is no shell")
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "bulkhead")); err != nil { // see TestMain
		t.Fatal(err)
	}
	d, err := app.StartDev(t.Context(), config.DevConfig{DataDir: filepath.Join(dir, ".bulkhead"), Listen: "127.0.0.1:0", Analytics: "off"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	defer func() { stop(); <-ended }()

	var script strings.Builder
	blocks := fiveMinutes(t)
	for _, block := range blocks {
		script.WriteString(strings.ReplaceAll(block, "--rows 1000000", "--rows 20000") + "echo exit code $?\n")
	}
	pasted := exec.CommandContext(t.Context(), shell, "-c", script.String())
	pasted.Dir = dir
	said, err := pasted.CombinedOutput()
	if err != nil {
		t.Errorf("the shell: %v", err)
	}
	var codes []string
	for _, m := range regexp.MustCompile(`exit code (\d+)`).FindAllStringSubmatch(string(said), -1) {
		codes = append(codes, m[1])
	}
	want := slices.Repeat([]string{"0"}, len(blocks))
	want[2], want[len(want)-1] = "3", "3" // a file with mistakes, and a large one that has some
	if !slices.Equal(codes, want) {
		t.Errorf("the blocks ended with %v, want %v", codes, want)
	}
	for _, phrase := range []string{"completed_with_rejects", "created                         1\nupdated                         1\nrejected                        2"} {
		if !strings.Contains(string(said), phrase) {
			t.Errorf("nothing said %q", phrase)
		}
	}
	if t.Failed() {
		t.Logf("it said:\n%s", said)
	}
}

// fiveMinutes returns the shell blocks of the README's section, after the one that starts
// the server.
func fiveMinutes(t *testing.T) (blocks []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## The first five minutes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) < 7 || !strings.Contains(blocks[0], "./bulkhead dev") {
		t.Fatalf("the section has %d blocks of commands; does it begin with the server?", len(blocks))
	}
	return blocks[1:]
}
