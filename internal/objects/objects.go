package objects

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Info describes a stored object.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// ErrExists says that the key is taken; the object there is unchanged.
var ErrExists = errors.New("the object exists already")

// maxKey is the longest key in bytes that every store takes.
const maxKey = 1024

// CheckKey returns an error when key does not have the form that the package describes.
func CheckKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("object key of %d bytes is over %d", len(key), maxKey)
	}
	for element := range strings.SplitSeq(key, "/") {
		if element == "" || element[0] == '.' || strings.ContainsFunc(element, forbidden) {
			return fmt.Errorf("object key %q is not valid", key)
		}
	}
	return nil
}

func forbidden(r rune) bool {
	return r == '\\' || r == ':' || r == unicode.ReplacementChar || unicode.IsControl(r)
}
