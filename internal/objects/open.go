package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
)

// Store is what Folder and S3 both offer; the package comment says what it guarantees.
type Store interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Open(ctx context.Context, key string) (io.ReadCloser, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Ready reports whether objects can be put; a KindUnavailable error says why not.
	Ready(ctx context.Context) error
	Close() error
}

// Open returns the store that a URL names: file:///absolute/folder, or s3://… in the
// form that ParseS3 describes. A folder is created when it is missing; of S3 nothing
// is asked yet. Errors do not repeat the URL, which may hold a secret.
func Open(address string) (Store, error) {
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "file":
		if u.Host != "" || u.Path == "" || u.RawQuery != "" {
			return nil, errors.New("objects: a folder is file:///absolute/path")
		}
		return OpenFolder(u.Path)
	case "s3":
		cfg, err := ParseS3(address)
		if err != nil {
			return nil, err
		}
		return NewS3(cfg)
	default:
		return nil, fmt.Errorf("objects: scheme %q is neither file nor s3", u.Scheme)
	}
}

// parse keeps the address out of the error.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if wrong, ok := errors.AsType[*url.Error](err); ok {
		err = wrong.Err
	}
	if err != nil {
		return nil, fmt.Errorf("objects: not a URL: %w", err)
	}
	return u, nil
}
