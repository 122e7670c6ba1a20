package cli

import (
	"errors"
	"runtime/debug"
	"strings"

	"bulkhead/internal/config"
)

type devCommand struct {
	Listen    string `help:"Address of the console." default:"127.0.0.1:8080" env:"BULKHEAD_LISTEN" placeholder:"HOST:PORT"`
	Analytics string `help:"auto, off, chdb, or a clickhouse:// address." default:"auto" env:"BULKHEAD_ANALYTICS"`
	Demo      bool   `help:"Also make a sample file and import it."`

	EventStreams   int      `help:"Live event streams that an account may have open; default: ${event_streams}." env:"BULKHEAD_EVENT_STREAMS"`
	AllowedOrigins []string `help:"Origins whose pages may use the API with a key, https://HOST,…; default: none." env:"BULKHEAD_ALLOWED_ORIGINS" placeholder:"ORIGIN"`
}

// Run implements `bulkhead dev`. Ctrl-C is how it is meant to end, so a role that
// then ends well is a success.
func (c *devCommand) Run(e *env) error {
	if e.roles.Dev == nil {
		return errors.New("this build has no dev role")
	}
	settings := config.DevConfig{DataDir: e.server.DataDir, Listen: c.Listen, Analytics: c.Analytics, Demo: c.Demo, EventStreams: c.EventStreams, AllowedOrigins: c.AllowedOrigins}
	return e.roles.Dev(e.ctx, settings.WithDefaults())
}

// buildVersion reads what the Go tool stamped into the program: its version, the
// revision of its source if that is known, and the version of Go.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "bulkhead (unknown)"
	}
	words := []string{"bulkhead", info.Main.Version}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			words = append(words, s.Value)
		}
	}
	return strings.Join(append(words, info.GoVersion), " ")
}
