// Package mutant takes a rule out of the source, for tests that want another test to notice.
package mutant

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Overlay returns a file for the flag -overlay of the Go tool, with which file, a path from the
// package under test, has other text. It fails the test if with is not there exactly once: then
// the rule moved.
func Overlay(t *testing.T, file, with, without string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), with); n != 1 {
		t.Fatalf("%s has %q %d times, want once: the rule moved", file, with, n)
	}
	original, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, filepath.Base(file)), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string][]byte{changed: []byte(strings.Replace(string(source), with, without, 1)), overlay: list} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return overlay
}
