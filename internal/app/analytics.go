package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/bulk"
)

// analyticsDatabase is where the data team finds everything.
const analyticsDatabase = "bulkhead"

// chdbCommand is the hidden command whose process is the chDB engine.
const chdbCommand = "chdb-engine"

// analytics is where committed records are copied, as far as it is known at the start.
type analytics struct {
	address string // clickhouse://…, or ""
	library string // of chDB, or ""
	install bool   // the library can be installed
	dataDir string
}

// findAnalytics decides what the setting means on this machine: off, auto, chdb or a
// clickhouse:// address.
func findAnalytics(setting, dataDir string) analytics {
	a := analytics{dataDir: dataDir}
	switch setting {
	case "off":
		return a
	case "auto", "chdb":
		a.library = mirror.FindChDB(dataDir)
		a.install = a.library == "" && mirror.CanInstallChDB()
	default:
		a.address = setting
	}
	return a
}

// checked refuses a setting that names what cannot be had.
func (a analytics) checked(setting string) (analytics, error) {
	if setting != "auto" && setting != "off" && !a.there() {
		return a, bulk.Errorf(bulk.KindInvalid, "no_analytics", "The chDB library is not here and npm cannot install it. Use --analytics off, or a clickhouse:// address.")
	}
	if a.address == "" {
		return a, nil
	}
	engine, err := a.open() // says what is wrong with an address; connects to nothing
	if err != nil {
		return a, err
	}
	return a, engine.Close()
}

// embedded reports whether the engine's files are below the data directory.
func (a analytics) embedded() bool { return a.library != "" }

// open returns the engine, which starts with its first use.
func (a analytics) open() (mirror.Engine, error) {
	switch {
	case a.address != "":
		return mirror.Server(a.address, analyticsDatabase)
	case a.library != "":
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find own program: %w", err)
		}
		command := []string{self, chdbCommand, a.library, filepath.Join(a.dataDir, "analytics")}
		return mirror.ChDB(command, analyticsDatabase), nil
	}
	return nil, bulk.Errorf(bulk.KindInvalid, "no_analytics", "There are no analytics here: name a clickhouse://HOST:PORT address, or install the chDB library (see `dev --help`).")
}

// line is what a person who starts dev is told.
func (a analytics) line() string {
	switch {
	case a.address != "":
		return "Analytics go to the ClickHouse server that you named, database " + analyticsDatabase + "."
	case a.library != "":
		return "Analytics are on: the chDB engine keeps them in " + filepath.Join(a.dataDir, "analytics") + "."
	case a.install:
		return "Analytics follow: npm is installing the chDB engine (about 560 MB) in " + filepath.Join(a.dataDir, "chdb") + "; --analytics off prevents it."
	default:
		return "Analytics are off: imports work without them."
	}
}

// there reports whether there are analytics, or will be.
func (a analytics) there() bool { return a.address != "" || a.library != "" || a.install }

// fetch installs the library if that is how analytics come to be.
func (a *analytics) fetch(ctx context.Context) error {
	if !a.install {
		return nil
	}
	if err := mirror.InstallChDB(ctx, a.dataDir); err != nil {
		return err
	}
	a.library, a.install = mirror.FindChDB(a.dataDir), false
	return nil
}
