package objects

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"bulkhead/internal/bulk"
)

// S3 keeps objects in a bucket. Requests that meet a broken connection, a throttle or
// an error of the server are repeated for some seconds.
type S3 struct {
	cfg    S3Config
	client minio.Core
	idle   func() // drops connections that nobody uses

	mu      sync.Mutex
	refused error // why the last Put could not be stored, while that counts
	at      time.Time
}

const (
	// writerMark is the metadata that tells a Put whose answer was lost from another's.
	writerMark = "Bulkhead-Writer"
	// conflicts bounds how often a Put that met another request for its key is repeated.
	conflicts = 10
	// refusalCounts is how long a refused Put makes the store count as not ready.
	refusalCounts = 10 * time.Second
)

// NewS3 returns the store in a bucket. Nothing is sent yet: Check does that.
func NewS3(cfg S3Config) (*S3, error) {
	endpoint, err := cfg.check()
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(endpoint.Scheme == "https", cfg.Stall)
	if err != nil {
		return nil, fmt.Errorf("s3 transport: %w", err)
	}
	client, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds: cfg.credentials(), Secure: endpoint.Scheme == "https", Region: cfg.Region, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("s3 client: %w", err)
	}
	return &S3{cfg: cfg, client: *client, idle: transport.CloseIdleConnections}, nil
}

func (cfg S3Config) credentials() *credentials.Credentials {
	if cfg.AccessKey != "" {
		return credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

// Close drops idle connections. No call may be under way.
func (s *S3) Close() error {
	s.idle()
	return nil
}

// Ready reports whether the server lately refused a Put for want of room. It sends nothing:
// each object costs something.
func (s *S3) Ready(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != nil && time.Since(s.at) < refusalCounts {
		return s.refused
	}
	return nil
}

// noteRefusal remembers a Put that was refused for want of room, until one succeeds.
func (s *S3) noteRefusal(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.refused = nil
	case bulk.TakesNoWrites(err):
		s.refused, s.at = err, time.Now()
	}
	return err
}

// Put stores data under key and returns once the server says that it is stored. A taken
// key is ErrExists. After another error the object may still appear.
func (s *S3) Put(ctx context.Context, key string, data []byte) error {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	mark := rand.Text()
	opts := minio.PutObjectOptions{UserMetadata: map[string]string{writerMark: mark}, ContentType: "application/octet-stream"}
	if !s.cfg.Unconditional {
		opts.SetMatchETagExcept("*")
	} else if _, err := s.stat(ctx, key); !errors.Is(err, bulk.ErrNotFound) {
		return cmp.Or(err, fmt.Errorf("put object %s: %w", key, ErrExists))
	}
	sum := sha256.Sum256(data)
	var err error
	for range conflicts {
		_, err = s.client.PutObject(ctx, s.cfg.Bucket, s.name(key), bytes.NewReader(data), int64(len(data)), "", hex.EncodeToString(sum[:]), opts)
		if minio.ToErrorResponse(err).StatusCode != http.StatusConflict {
			break
		}
	}
	if code(err) == minio.PreconditionFailed {
		return s.resolvePut(ctx, key, mark)
	}
	return s.noteRefusal(describe("put", key, err))
}

// resolvePut decides a refused Put: the object there may be its own, of an attempt whose
// answer was lost.
func (s *S3) resolvePut(ctx context.Context, key, mark string) error {
	info, err := s.stat(ctx, key)
	if err != nil {
		return err
	}
	if info.UserMetadata[writerMark] != mark {
		return fmt.Errorf("put object %s: %w", key, ErrExists)
	}
	return nil
}

func (s *S3) stat(ctx context.Context, key string) (minio.ObjectInfo, error) {
	info, err := s.client.StatObject(ctx, s.cfg.Bucket, s.name(key), minio.StatObjectOptions{})
	return info, describe("stat", key, notFound(err))
}

// Get reads a whole object into memory.
func (s *S3) Get(ctx context.Context, key string) ([]byte, error) {
	r, err := s.open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, r.size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, describe("get", key, err)
	}
	return data, nil
}

// Open streams an object. Reading goes on where it was when the connection breaks. The
// caller closes it.
func (s *S3) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := s.open(ctx, key)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (s *S3) open(ctx context.Context, key string) (*download, error) {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	get := func(opts minio.GetObjectOptions) (io.ReadCloser, minio.ObjectInfo, error) {
		body, info, _, err := s.client.GetObject(ctx, s.cfg.Bucket, s.name(key), opts)
		return body, info, notFound(err)
	}
	d, err := newDownload(get)
	return d, describe("open", key, err)
}

// Delete removes an object; an absent one is no error.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := cmp.Or(CheckKey(key), ctx.Err()); err != nil {
		return err
	}
	err := notFound(s.client.RemoveObject(ctx, s.cfg.Bucket, s.name(key), minio.RemoveObjectOptions{}))
	if errors.Is(err, bulk.ErrNotFound) {
		return nil
	}
	return describe("delete", key, err)
}

// List yields the objects whose keys begin with prefix, in no particular order. An
// error ends it. Objects of the bucket whose names are no keys are left out.
func (s *S3) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 && CheckKey(prefix[:i]) != nil {
			return // no key begins like that
		}
		for object := range s.client.ListObjectsIter(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: s.name(prefix), Recursive: true}) {
			if object.Err != nil {
				yield(Info{}, fmt.Errorf("list objects %q: %w", prefix, object.Err))
				return
			}
			key := strings.TrimPrefix(object.Key, s.name(""))
			if CheckKey(key) == nil && !yield(Info{Key: key, Size: object.Size, Modified: object.LastModified.UTC()}, nil) {
				return
			}
		}
	}
}

func (s *S3) name(key string) string {
	if s.cfg.Prefix == "" {
		return key
	}
	return s.cfg.Prefix + "/" + key
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return minio.ToErrorResponse(err).Code
}

// notFound turns the server's word for a missing object, not bucket, into ErrNotFound.
func notFound(err error) error {
	if code(err) == minio.NoSuchKey {
		return fmt.Errorf("%w: %w", bulk.ErrNotFound, err)
	}
	return err
}
