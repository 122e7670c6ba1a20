// Package config holds what a process is told before it starts: the settings of
// `bulkhead dev` and how a command finds the server it talks to.
//
// Settings come from flags, then BULKHEAD_* variables, then defaults; the command
// line applies that order, this package names the defaults. Secrets are only ever
// written to files of mode 0600.
package config

import "cmp"

// Defaults of the settings.
const (
	DefaultDataDir   = ".bulkhead"
	DefaultListen    = "127.0.0.1:8080"
	DefaultAnalytics = "auto"
)

// DevConfig are the settings of `bulkhead dev`, which runs every role in one process.
type DevConfig struct {
	DataDir   string // everything that outlives the process; zero: DefaultDataDir
	Listen    string // host:port of the console; port 0 takes a free one; zero: DefaultListen
	Analytics string // auto, off, chdb, or a clickhouse:// address; zero: DefaultAnalytics
	Demo      bool   // also make a sample file and import it
	Store     string // postgres://… or sqlite:PATH, for tests of one process on any engine; zero: SQLite in DataDir

	EventStreams   int      // live event streams that an account may have open; zero: that of bulk.DefaultLimits
	AllowedOrigins []string // whose pages may use the API with a key
}

// WithDefaults returns the settings with every zero field set.
func (c DevConfig) WithDefaults() DevConfig {
	c.DataDir = cmp.Or(c.DataDir, DefaultDataDir)
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.Analytics = cmp.Or(c.Analytics, DefaultAnalytics)
	return c
}

// ReconcileConfig are the settings of `bulkhead reconcile`.
type ReconcileConfig struct {
	DataDir   string // of dev; has the store and analytics that are not named
	Store     string // postgres://… or sqlite:PATH; zero: that of the data directory
	Analytics string // auto, chdb or a clickhouse:// address
}
