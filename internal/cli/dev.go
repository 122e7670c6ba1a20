package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"bulkhead/internal/config"
)

type devCommand struct {
	Listen    string `help:"Address of the console." default:"127.0.0.1:8080" env:"BULKHEAD_LISTEN" placeholder:"HOST:PORT"`
	Analytics string `help:"auto, off, chdb, or a clickhouse:// address." default:"auto" env:"BULKHEAD_ANALYTICS"`
	Demo      bool   `help:"Also make a sample file and import it."`
}

// Run implements `bulkhead dev`. Ctrl-C is how it is meant to end, so a role that
// then ends well is a success.
func (c *devCommand) Run(e *env) error {
	if e.roles.Dev == nil {
		return errors.New("this build has no dev role")
	}
	settings := config.DevConfig{DataDir: e.dataDir, Listen: c.Listen, Analytics: c.Analytics, Demo: c.Demo}
	return e.roles.Dev(e.ctx, settings.WithDefaults())
}

type versionCommand struct{}

// Run implements `bulkhead version`.
func (c *versionCommand) Run(e *env) error {
	v := buildVersion()
	return e.print(v, func(w io.Writer) { fmt.Fprintln(w, "bulkhead", v.Version, v.Revision, v.Go) })
}

type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source, "" when built without it
	Go       string `json:"go"`
}

// buildVersion reads what the Go tool stamped into the program.
func buildVersion() version {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version{Version: "unknown"}
	}
	v := version{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
