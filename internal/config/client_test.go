package config

import (
	"os"
	"path/filepath"
	"testing"

	"bulkhead/internal/bulk"
)

func TestFindClient(t *testing.T) {
	dir := t.TempDir()
	if err := WriteClient(dir, Client{URL: "http://127.0.0.1:1", APIKey: "own"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		want Client
	}{
		{"the data directory", nil, Client{"http://127.0.0.1:1", "own"}},
		{"another key for it", map[string]string{"BULKHEAD_API_KEY": "other"}, Client{"http://127.0.0.1:1", "other"}},
		{"the environment wins", map[string]string{"BULKHEAD_URL": "http://far", "BULKHEAD_API_KEY": "far"}, Client{"http://far", "far"}},
		{"own key never goes far", map[string]string{"BULKHEAD_URL": "http://far"}, Client{"http://far", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := FindClient(dir, func(k string) string { return tt.env[k] })
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestFindClientWithoutServer(t *testing.T) {
	_, err := FindClient(t.TempDir(), func(string) string { return "" })
	if bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("got %v, want an error of KindUnavailable", err)
	}
}

func TestClientFileIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := WriteClient(dir, Client{URL: "u"}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, clientFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600", info.Mode(), err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) != 1 {
		t.Errorf("got files %v, want one", left)
	}
}
