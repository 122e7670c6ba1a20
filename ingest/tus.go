package ingest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"github.com/tus/tusd/v2/pkg/memorylocker"
	"golang.org/x/exp/slog" // tusd's own; it is given nothing to say

	"bulkhead/internal/bulk"
)

// TusExtensions are the tus extensions of the whole API, creation by POST
// /v1/imports included. checksum and concatenation are not among them: a part's
// checksum proves nothing about the file, and joined parts could not be read in order.
const TusExtensions = "creation,creation-defer-length"

// lockWait is how long a request waits for the one before it to store what it has.
const lockWait = 20 * time.Second

// content is tus without creation. Of two requests for one upload in this process
// the later one makes the earlier one stop and store what it has; between processes
// the ledger's epoch does the same.
type content struct {
	u         *Uploads
	tus       *handler.UnroutedHandler
	protocol  http.Handler // tus's own checks around one of its methods
	discovery map[string]string
}

func newContent(u *Uploads) (*content, error) {
	composer := handler.NewStoreComposer()
	composer.UseCore(tusStore{u})
	composer.UseLengthDeferrer(tusStore{u})
	memorylocker.New().UseIn(composer)
	tus, err := handler.NewUnroutedHandler(handler.Config{
		StoreComposer:                    composer,
		NetworkTimeout:                   u.idle(),
		AcquireLockTimeout:               lockWait,
		GracefulRequestCompletionTimeout: u.Grace,
		Cors:                             &handler.CorsConfig{Disable: true},
		Logger:                           slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	c := &content{u: u, tus: tus, discovery: map[string]string{
		"Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Extension": TusExtensions,
		"Tus-Max-Size": strconv.FormatInt(u.Limits.FileBytes, 10), "Allow": contentMethods,
	}}
	c.protocol = tus.Middleware(http.HandlerFunc(c.route))
	return c, nil
}

const contentMethods = "HEAD, PATCH, OPTIONS"

// ServeHTTP implements http.Handler.
func (c *content) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); method == http.MethodPost && override != "" {
		method = override
	}
	principal, ok := c.u.Principal(r.Context())
	id := contentID(r.URL.Path)
	switch {
	case method == http.MethodOptions:
		for name, value := range c.discovery {
			w.Header().Set(name, value)
		}
		w.WriteHeader(http.StatusNoContent)
	case method != http.MethodHead && method != http.MethodPatch:
		w.Header().Set("Allow", contentMethods)
		writeProblem(w, r, http.StatusMethodNotAllowed, bulk.Errorf("", "method_not_allowed", "This address takes %s.", contentMethods))
	case !ok || principal.Account == "":
		c.fail(w, r, bulk.Errorf(bulk.KindUnauthorized, "unauthorized", "Send an API key or sign in."))
	case r.Header.Get("Upload-Concat") != "":
		c.fail(w, r, bulk.Errorf(bulk.KindInvalid, "concatenation_unsupported", "Uploads cannot be joined from parts. Send the file as one upload."))
	case !bulk.ValidID("imp", id):
		c.fail(w, r, notFound())
	default:
		r = r.Clone(context.WithValue(r.Context(), principalKey{}, principal))
		r.URL.Path = "/" + id
		c.protocol.ServeHTTP(&problemWriter{ResponseWriter: w, r: r}, r)
	}
}

type principalKey struct{}

func (c *content) route(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		c.tus.HeadFile(w, r)
		return
	}
	c.tus.PatchFile(w, r)
}

// contentID returns the import in /v1/imports/{id}/content.
func contentID(path string) string {
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/"), "/content")
	return path[strings.LastIndexByte(path, '/')+1:]
}

func notFound() error {
	return bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such import.")
}

// tusStore gives tusd the ledger's uploads.
type tusStore struct{ u *Uploads }

// NewUpload implements handler.DataStore; creation is not routed here.
func (s tusStore) NewUpload(context.Context, handler.FileInfo) (handler.Upload, error) {
	return nil, handler.ErrNotImplemented
}

// GetUpload implements handler.DataStore.
func (s tusStore) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	principal, ok := ctx.Value(principalKey{}).(bulk.Principal)
	if !ok {
		return nil, s.u.tusError(ctx, notFound())
	}
	up, err := s.u.Ledger.Upload(ctx, principal.Account, bulk.ImportID(id))
	if err != nil {
		return nil, s.u.tusError(ctx, err)
	}
	return &tusUpload{u: s.u, account: principal.Account, id: up.Import.ID, offset: up.Offset, length: up.Length}, nil
}

// AsLengthDeclarableUpload implements handler.LengthDeferrerDataStore.
func (s tusStore) AsLengthDeclarableUpload(up handler.Upload) handler.LengthDeclarableUpload {
	return up.(*tusUpload)
}

// tusUpload is an upload for the time of one request.
type tusUpload struct {
	u              *Uploads
	account        bulk.AccountID
	id             bulk.ImportID
	offset, length int64 // length is -1 while unknown
}

// GetInfo implements handler.Upload.
func (t *tusUpload) GetInfo(context.Context) (handler.FileInfo, error) {
	return handler.FileInfo{ID: string(t.id), Size: max(t.length, 0), SizeIsDeferred: t.length < 0, Offset: t.offset}, nil
}

// DeclareLength implements handler.LengthDeclarableUpload; the bytes that come with it make it durable.
func (t *tusUpload) DeclareLength(_ context.Context, length int64) error {
	t.length = length
	return nil
}

// WriteChunk implements handler.Upload.
func (t *tusUpload) WriteChunk(ctx context.Context, offset int64, body io.Reader) (int64, error) {
	reached, err := t.u.Write(ctx, t.account, t.id, offset, body, t.length)
	if err != nil {
		return max(reached-offset, 0), t.u.tusError(ctx, err)
	}
	return reached - offset, nil
}

// FinishUpload implements handler.Upload; the last chunk has sealed the upload.
func (t *tusUpload) FinishUpload(context.Context) error { return nil }

// GetReader implements handler.Upload; files are not given back.
func (t *tusUpload) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotImplemented
}

// tusError renders an error for tusd, which sends it as it is.
func (u *Uploads) tusError(ctx context.Context, err error) error {
	status, shown := classify(err)
	if status == http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		u.Logger.ErrorContext(ctx, "upload failed", "error", err)
	}
	return problemError(status, shown)
}
