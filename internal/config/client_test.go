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
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if err := (Profiles{"prod": {"http://prod", "prod"}}).Write(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		say  Where
		env  map[string]string
		want Client
		kind bulk.Kind
	}{
		{name: "the data directory", want: Client{"http://127.0.0.1:1", "own"}},
		{name: "another key for it", env: map[string]string{"BULKHEAD_API_KEY": "other"}, want: Client{"http://127.0.0.1:1", "other"}},
		{name: "the environment wins", env: map[string]string{"BULKHEAD_URL": "http://far", "BULKHEAD_API_KEY": "far"}, want: Client{"http://far", "far"}},
		{name: "own key never goes far", env: map[string]string{"BULKHEAD_URL": "http://far"}, kind: bulk.KindUnauthorized, want: Client{"http://far", ""}},
		{name: "a flag wins", say: Where{URL: "http://flag"}, env: map[string]string{"BULKHEAD_URL": "http://far", "BULKHEAD_API_KEY": "k", "BULKHEAD_PROFILE": "prod"}, want: Client{"http://flag", "k"}},
		{name: "a profile has its own key", say: Where{Profile: "prod"}, env: map[string]string{"BULKHEAD_URL": "http://far", "BULKHEAD_API_KEY": "far"}, want: Client{"http://prod", "prod"}},
		{name: "a profile of the environment", env: map[string]string{"BULKHEAD_PROFILE": "prod"}, want: Client{"http://prod", "prod"}},
		{name: "an unknown profile", say: Where{Profile: "x"}, kind: bulk.KindInvalid},
		{name: "both", say: Where{Profile: "prod", URL: "http://x"}, kind: bulk.KindInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.say.DataDir = dir
			got, err := FindClient(tt.say, func(k string) string { return tt.env[k] })
			if bulk.KindOf(err) != tt.kind && (err != nil || tt.kind != "") || got != tt.want {
				t.Errorf("got %+v, %v; want %+v and %q", got, err, tt.want, tt.kind)
			}
		})
	}
}

func TestFindClientWithoutServer(t *testing.T) {
	_, err := FindClient(Where{DataDir: t.TempDir()}, func(string) string { return "" })
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
