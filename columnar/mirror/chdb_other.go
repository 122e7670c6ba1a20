//go:build !linux || !(amd64 || arm64)

package mirror

import (
	"errors"
	"io"
)

// ServeChDB is there on Linux only.
func ServeChDB(string, string, io.Reader, io.Writer) error {
	return errors.New("the chDB library is not supported on this system")
}
