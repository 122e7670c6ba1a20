package objects

import (
	"errors"
	"io"

	"github.com/minio/minio-go/v7"
)

// download reads an object and goes on behind the last byte when its connection breaks.
type download struct {
	get    func(minio.GetObjectOptions) (io.ReadCloser, minio.ObjectInfo, error)
	body   io.ReadCloser
	etag   string
	size   int64 // bytes of the object
	offset int64 // bytes read
	broken int   // connections lost since the last byte
}

// maxBroken is how many connections may break in a row without a byte between.
const maxBroken = 5

func newDownload(get func(minio.GetObjectOptions) (io.ReadCloser, minio.ObjectInfo, error)) (*download, error) {
	body, info, err := get(minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	if info.Size < 0 {
		return nil, errors.Join(errors.New("the server does not say how long the object is"), body.Close())
	}
	return &download{get: get, body: body, etag: info.ETag, size: info.Size}, nil
}

// Read implements io.Reader. It gives the whole object or an error that is not io.EOF.
func (d *download) Read(p []byte) (int, error) {
	for {
		if d.offset >= d.size {
			return 0, io.EOF
		}
		n, err := d.body.Read(p)
		d.offset += int64(n)
		if n > 0 {
			d.broken = 0
			return n, nil // a broken connection says so again
		}
		if err == nil {
			return 0, nil
		}
		if err := d.resume(err); err != nil {
			return 0, err
		}
	}
}

func (d *download) resume(cause error) error {
	if d.broken++; d.broken > maxBroken {
		return errors.Join(io.ErrUnexpectedEOF, cause)
	}
	opts := minio.GetObjectOptions{}
	if err := opts.SetMatchETag(d.etag); err != nil {
		return err
	}
	if d.offset > 0 {
		if err := opts.SetRange(d.offset, 0); err != nil {
			return err
		}
	}
	body, info, err := d.get(opts)
	if err != nil {
		return err
	}
	if info.Size != d.size-d.offset {
		return errors.Join(errors.New("the server ignores ranges"), cause, body.Close())
	}
	d.body.Close() // it failed already
	d.body = body
	return nil
}

// Close implements io.Closer.
func (d *download) Close() error { return d.body.Close() }
