package app

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"bulkhead/columnar/mirror"
	"bulkhead/internal/bulk"
)

// analyticsDatabase is where the data team finds everything.
const analyticsDatabase = "bulkhead"

// chdbCommand is the hidden command whose process is the chDB engine.
const chdbCommand = "chdb-engine"

// The npm package of the library, pinned by the hash in its lock file.
//
//go:embed chdb/package.json chdb/package-lock.json
var chdbPackage embed.FS

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
		a.library = findChDB(dataDir)
		_, err := exec.LookPath("npm")
		a.install = a.library == "" && err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
	default:
		a.address = setting
	}
	return a
}

// findChDB looks for the library where the tests' services, an earlier installation or
// the project's own packages have it; "" when there is none.
func findChDB(dataDir string) string {
	const packed = "node_modules/@chdb/lib-linux-*-gnu/libchdb.so"
	for _, pattern := range []string{os.Getenv("BULKHEAD_TEST_CHDB"), filepath.Join(dataDir, "chdb", packed), filepath.Join(dataDir, "chdb", "libchdb.so"), packed} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
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

// fetch installs the library if that is how analytics come to be. What an installation
// that was cut off left is not taken for the library.
func (a *analytics) fetch(ctx context.Context) error {
	if !a.install {
		return nil
	}
	partial, dir := filepath.Join(a.dataDir, "chdb.partial"), filepath.Join(a.dataDir, "chdb")
	if err := errors.Join(os.RemoveAll(partial), os.MkdirAll(partial, 0o700)); err != nil {
		return err
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := chdbPackage.ReadFile("chdb/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(partial, name), text, 0o600); err != nil {
			return err
		}
	}
	npm := exec.CommandContext(ctx, "npm", "ci", "--prefix", partial, "--ignore-scripts", "--no-audit", "--no-fund")
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	a.library, a.install = findChDB(a.dataDir), false
	return nil
}

// ServeChDB is the work of the hidden command, see [mirror.ServeChDB].
func ServeChDB(library, dir string, in io.Reader, out io.Writer) error {
	return mirror.ServeChDB(library, dir, in, out)
}
