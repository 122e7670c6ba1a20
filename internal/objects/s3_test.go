package objects_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/objects/objectstest"
)

// service returns the address of the S3 server under test.
func service(t *testing.T) objects.S3Config {
	t.Helper()
	address := os.Getenv("BULKHEAD_TEST_S3")
	if address == "" && os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
		t.Fatal("BULKHEAD_TEST_S3 is not set, and services are required")
	}
	if address == "" {
		t.Skip("SKIPPED: BULKHEAD_TEST_S3 is not set, nothing was tested on a real S3 server")
	}
	cfg, err := objects.ParseS3(address)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// openS3 returns a store of its own in the bucket.
func openS3(t *testing.T, cfg objects.S3Config) *objects.S3 {
	t.Helper()
	cfg.Prefix = "test/" + rand.Text()
	s, err := objects.NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestS3Conforms(t *testing.T) {
	cfg := service(t)
	objectstest.Run(t, func(t *testing.T) objectstest.Store {
		s := openS3(t, cfg)
		t.Cleanup(func() { empty(t, s) })
		return s
	})
}

func empty(t *testing.T, s objects.Store) {
	ctx := context.WithoutCancel(t.Context()) // which has ended when cleanups run
	for info, err := range s.List(ctx, "") {
		if err == nil {
			err = s.Delete(ctx, info.Key)
		}
		if err != nil {
			t.Errorf("cannot empty the store: %v", err)
			return
		}
	}
}

func TestS3StoresAreApart(t *testing.T) {
	cfg := service(t)
	a, b := openS3(t, cfg), openS3(t, cfg)
	if err := a.Put(t.Context(), "k", []byte("a")); err != nil {
		t.Fatal(err)
	}
	defer a.Delete(t.Context(), "k")
	if _, err := b.Get(t.Context(), "k"); !errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("Get through another prefix = %v, want ErrNotFound", err)
	}
	for info, err := range b.List(t.Context(), "") {
		t.Errorf("List of another prefix yields %+v, %v", info, err)
	}
}

func TestS3TakesLargeObjects(t *testing.T) {
	s := openS3(t, service(t))
	defer s.Delete(t.Context(), "large")
	data := bytes.Repeat([]byte("0123456789abcdef"), 5<<16+1) // over any client's size of a part
	if err := s.Put(t.Context(), "large", data); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "large", data); !errors.Is(err, objects.ErrExists) {
		t.Errorf("second Put = %v, want ErrExists", err)
	}
	if got, err := s.Get(t.Context(), "large"); err != nil || !bytes.Equal(got, data) {
		t.Errorf("Get = %d bytes, %v; want %d", len(got), err, len(data))
	}
}

func TestS3WithoutConditions(t *testing.T) {
	cfg := service(t)
	cfg.Unconditional = true
	s := openS3(t, cfg)
	defer s.Delete(t.Context(), "k")
	if err := s.Put(t.Context(), "k", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "k", []byte("second")); !errors.Is(err, objects.ErrExists) {
		t.Errorf("second Put = %v, want ErrExists", err)
	}
	if got, err := s.Get(t.Context(), "k"); err != nil || string(got) != "first" {
		t.Errorf("Get = %q, %v; want the first object", got, err)
	}
}

func TestS3MissingBucketIsNoMissingObject(t *testing.T) {
	cfg := service(t)
	cfg.Bucket = "bulkhead-absent"
	s := openS3(t, cfg)
	if _, err := s.Get(t.Context(), "k"); err == nil || errors.Is(err, bulk.ErrNotFound) {
		t.Errorf("Get = %v, want an error that is not ErrNotFound", err)
	}
	if err := s.Put(t.Context(), "k", nil); err == nil {
		t.Error("Put accepts a bucket that does not exist")
	}
}

func TestS3WrongSecretIsRefused(t *testing.T) {
	cfg := service(t)
	cfg.SecretKey = "not-the-secret"
	err := openS3(t, cfg).Put(t.Context(), "k", nil)
	if err == nil || strings.Contains(err.Error(), cfg.SecretKey) {
		t.Errorf("Put = %v, want a refusal that keeps the secret", err)
	}
}

func TestOpen(t *testing.T) {
	for _, tt := range []struct{ address, wrong string }{
		{"file://" + t.TempDir() + "/a%20b", ""},
		{"s3://bucket", ""},
		{"s3://key:hidden@bucket/a/b?endpoint=http://127.0.0.1:1&region=here&conditional=off", ""},
		{"", "scheme"},
		{"ftp://hidden", "scheme"},
		{"file://host/hidden", "absolute"},
		{"s3:///hidden", "s3://bucket"},
		{"s3://key:hidden@bucket:port", "not a URL"},
		{"s3://key:hidden@bucket?endpiont=x", "endpiont"},
		{"s3://key:hidden@bucket?conditional=no", "conditional"},
		{"s3://key:hidden@bucket?endpoint=127.0.0.1:9000", "not a URL"},
		{"s3://key:hidden@bucket?endpoint=ftp://x", "endpoint"},
		{"s3://key@bucket", "go together"},
		{"s3://key:hidden@bucket/../x", "not valid"},
	} {
		s, err := objects.Open(tt.address)
		if err == nil {
			err = s.Close()
		}
		switch {
		case tt.wrong == "" && err != nil:
			t.Errorf("Open(%q) = %v", tt.address, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("Open(%q) = %v, want an error about %q", tt.address, err, tt.wrong)
		case err != nil && strings.Contains(err.Error(), "hidden"):
			t.Errorf("Open(%q) = %v, which repeats what it must not", tt.address, err)
		}
	}
}

func TestParseS3(t *testing.T) {
	got, err := objects.ParseS3("s3://k:s%2Fs@bucket/a/b/?endpoint=https://s3.example.com:9000&region=here&conditional=off")
	want := objects.S3Config{
		Bucket: "bucket", Prefix: "a/b", Endpoint: "https://s3.example.com:9000", Region: "here", AccessKey: "k", SecretKey: "s/s", Unconditional: true,
	}
	if err != nil || got != want {
		t.Errorf("ParseS3 = %+v, %v; want %+v", got, err, want)
	}
}
