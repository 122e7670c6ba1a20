package mirror

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// The npm package of the library, pinned by the hash in its lock file.
//
//go:embed chdb/package.json chdb/package-lock.json
var chdbPackage embed.FS

// FindChDB looks for chDB's library where the tests' services, an earlier installation in
// the data directory or the project's own packages have it; "" when there is none.
func FindChDB(dataDir string) string {
	const packed = "node_modules/@chdb/lib-linux-*-gnu/libchdb.so"
	for _, pattern := range []string{os.Getenv("BULKHEAD_TEST_CHDB"), filepath.Join(dataDir, "chdb", packed), filepath.Join(dataDir, "chdb", "libchdb.so"), packed} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// CanInstallChDB reports whether [InstallChDB] may succeed on this machine.
func CanInstallChDB() bool {
	_, err := exec.LookPath("npm")
	return err == nil && runtime.GOOS == "linux" && runtime.GOARCH == "amd64"
}

// InstallChDB has npm fetch the library, about 560 MB, into the data directory. What an
// installation that was cut off left is not taken for the library.
func InstallChDB(ctx context.Context, dataDir string) error {
	partial, dir := filepath.Join(dataDir, "chdb.partial"), filepath.Join(dataDir, "chdb")
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
	return os.Rename(partial, dir)
}
