package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
	"bulkhead/internal/resumable"
)

// contentMethods are the methods of an upload's address.
const contentMethods = "HEAD, PATCH, DELETE, OPTIONS"

// content speaks both protocols for uploads in pieces at an upload's address: tus 1.0
// without creation, and the IETF's draft likewise, see [resumable].
type content struct {
	u      *Uploads
	visits *visits
}

// call is one request for an upload.
type call struct {
	http.ResponseWriter
	r     *http.Request
	draft resumable.Draft
	isTus bool
	up    bulk.Upload
}

// ServeHTTP implements http.Handler.
func (c *content) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.Method
	if override := r.Header.Get("X-HTTP-Method-Override"); method == http.MethodPost && override != "" {
		method = strings.ToUpper(override)
	}
	draft, isDraft, err := resumable.ParseDraft(r)
	if !isDraft {
		w.Header().Set("Tus-Resumable", resumable.TusVersion)
	}
	switch {
	case method == http.MethodOptions:
		resumable.Discover(w.Header(), c.u.Limits.FileBytes)
		w.Header().Set("Allow", contentMethods)
		w.WriteHeader(http.StatusNoContent)
		return
	case method != http.MethodHead && method != http.MethodPatch && method != http.MethodDelete:
		w.Header().Set("Allow", contentMethods)
		writeProblem(w, r, http.StatusMethodNotAllowed, bulk.Errorf("", "method_not_allowed", "This address takes %s.", contentMethods))
		return
	case err == nil && !isDraft:
		err = checkTus(r, method)
	}
	if err == nil {
		err = c.visit(&call{ResponseWriter: w, r: r, draft: draft, isTus: !isDraft}, method)
	}
	if err != nil {
		c.u.fail(w, r, err)
	}
}

// checkTus refuses a request that is of no protocol, and what of tus is not spoken.
func checkTus(r *http.Request, method string) error {
	switch version := r.Header.Get("Tus-Resumable"); {
	case version == "" && (method == http.MethodHead || method == http.MethodDelete): // both protocols have them
	case version != resumable.TusVersion:
		return errTusVersion
	case r.Header.Get("Upload-Concat") != "":
		return bulk.Errorf(bulk.KindInvalid, "concatenation_unsupported", "Uploads cannot be joined from parts. Send the file as one upload.")
	}
	return nil
}

// visit does what the request asks, once the one before it has stored what it had.
func (c *content) visit(q *call, method string) error {
	principal, ok := c.u.Principal(q.r.Context())
	id := bulk.ImportID(contentID(q.r.URL.Path))
	if !ok || principal.Account == "" {
		return bulk.Errorf(bulk.KindUnauthorized, "unauthorized", "Send an API key or sign in.")
	}
	if !bulk.ValidID("imp", string(id)) {
		return bulk.Errorf(bulk.KindNotFound, "not_found", "There is no such import. Check its id; what belongs to another account is not shown.")
	}
	ctx, leave, err := c.visits.enter(q.r.Context(), id)
	if err != nil {
		return err
	}
	defer leave()
	q.r = q.r.WithContext(ctx)
	body := resumable.NewBody(q.ResponseWriter, q.r, c.u.idle())
	defer body.Stop()
	defer context.AfterFunc(ctx, body.Stop)()
	q.r.Body = body
	if q.up, err = c.u.Ledger.Upload(ctx, principal.Account, id); err != nil {
		return err
	}
	if err := gone(&q.up); err != nil {
		return err
	}
	switch method {
	case http.MethodDelete:
		return c.cancel(q)
	case http.MethodPatch:
		return c.patch(q)
	default:
		return c.head(q)
	}
}

// gone says that an upload will never take a byte again although it is not complete.
func gone(up *bulk.Upload) error {
	imp := &up.Import
	switch failed := imp.State == bulk.StateFailed; {
	case !imp.State.Aborted(), failed && arrived(up):
		return nil
	case failed && imp.Error != nil:
		return &goneError{imp.Error}
	}
	_, closed := imp.State.Next(bulk.TriggerReceive, imp.Facts())
	return closed
}

// arrived reports whether all bytes are there and acknowledged.
func arrived(up *bulk.Upload) bool { return up.Length >= 0 && up.Offset == up.Length }

// contentID returns the import in /v1/imports/{id}/content.
func contentID(path string) string {
	path = strings.TrimSuffix(strings.TrimSuffix(path, "/"), "/content")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// cancel ends the import. What landed of it stays.
func (c *content) cancel(q *call) error {
	if _, err := c.u.Ledger.Cancel(q.r.Context(), q.up.Import.AccountID, q.up.Import.ID); err != nil {
		return err
	}
	q.WriteHeader(http.StatusNoContent)
	return nil
}

// head says where the upload stands, to both protocols alike.
func (c *content) head(q *call) error {
	if arrived(&q.up) && !q.up.Import.Sealed && !q.up.Spooled { // its writer died before the end
		if _, err := c.u.write(q.r.Context(), request{account: q.up.Import.AccountID, id: q.up.Import.ID, offset: q.up.Offset, body: http.NoBody, length: q.up.Length}); err != nil {
			return err
		}
	}
	h := q.Header()
	if q.up.Metadata != "" {
		h.Set("Upload-Metadata", q.up.Metadata)
	}
	if q.up.Length >= 0 {
		h.Set("Upload-Length", strconv.FormatInt(q.up.Length, 10))
	} else {
		h.Set("Upload-Defer-Length", "1")
	}
	c.stand(q, q.up.Offset, q.up.Expires, arrived(&q.up))
	h.Set("Cache-Control", "no-store")
	if q.isTus {
		q.WriteHeader(http.StatusOK)
	} else {
		q.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// stand says where the upload stands now.
func (c *content) stand(q *call, offset int64, expires time.Time, complete bool) {
	h := q.Header()
	h.Set("Upload-Offset", strconv.FormatInt(offset, 10))
	q.draft.SetComplete(h, complete)
	if complete {
		expires = time.Time{}
	}
	resumable.Limits{FileBytes: c.u.Limits.FileBytes, Expires: expires}.Set(h)
}

// patch appends a piece.
func (c *content) patch(q *call) error {
	p, err := q.piece()
	if err != nil {
		return err
	}
	h := q.Header()
	if p.offset != q.up.Offset {
		h.Set("Upload-Offset", strconv.FormatInt(q.up.Offset, 10))
		return offsetMismatch(q.up.Offset, p.offset)
	}
	if n := q.r.ContentLength; q.up.Length >= 0 && n > 0 && p.offset+n > q.up.Length {
		return bulk.Errorf(bulk.KindInvalid, "upload_size_exceeded", "The file was announced with %d bytes; this request would make it %d.", q.up.Length, p.offset+n)
	}
	reached := q.up.Offset
	if q.up.Import.Sealed || arrived(&q.up) && q.up.Spooled {
		err = c.nothingMore(q)
	} else {
		reached, err = c.u.write(q.r.Context(), p)
	}
	if why := context.Cause(q.r.Context()); err != nil && errors.Is(why, bulk.ErrSuperseded) {
		return why
	}
	if err != nil {
		return err
	}
	return c.appended(q, reached)
}

// nothingMore reads the content of a request for a complete upload, which must be empty.
func (c *content) nothingMore(q *call) error {
	if n, err := q.r.Body.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return bulk.Errorf(bulk.KindInvalid, "upload_size_exceeded", "The file is complete with %d bytes and takes no more.", q.up.Length)
	}
	return nil
}

// piece reads what the request is to append.
func (q *call) piece() (p request, err error) {
	h := q.r.Header
	p = request{account: q.up.Import.AccountID, id: q.up.Import.ID, body: q.r.Body, length: -1}
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	offset, said, err := resumable.Bytes(h, "Upload-Offset")
	switch {
	case err != nil || !said:
		return p, bulk.Errorf(bulk.KindInvalid, "invalid_offset", "Send Upload-Offset with the number of bytes that are stored already.")
	case q.isTus && media != resumable.TusPiece:
		return p, bulk.Errorf(bulk.KindInvalid, "invalid_content_type", "The Content-Type of a piece is %s.", resumable.TusPiece)
	case !q.isTus && !q.draft.Said:
		return p, bulk.Errorf(bulk.KindInvalid, "bad_upload_complete", "Say with Upload-Complete: ?1 that the file ends with this request, or with ?0 that it does not.")
	case h.Get("Content-Encoding") != "" && !strings.EqualFold(h.Get("Content-Encoding"), "identity"):
		return p, bulk.Errorf(bulk.KindInvalid, "unsupported_encoding", "A piece cannot have a Content-Encoding of its own. Compress the file as a whole, and send pieces of that.")
	case len(h.Values("Repr-Digest"))+len(h.Values("Digest")) > 0:
		return p, bulk.Errorf(bulk.KindInvalid, "bad_digest", "Send the file's digest when the upload is created, and a piece's as Content-Digest.")
	}
	if name, is := digest.InTrailer(q.r.Trailer); is {
		return p, bulk.Errorf(bulk.KindInvalid, "bad_digest", "Send %s as a header; it comes too late in a trailer.", name)
	}
	p.offset, p.whole = offset, q.draft.Complete
	if p.length, err = q.draft.Length(q.r, offset); err != nil {
		return p, err
	}
	p.digests, err = digest.Content(h)
	return p, err
}

// appended answers a request whose content is stored up to reached.
func (c *content) appended(q *call, reached int64) error {
	up, err := c.u.Ledger.Upload(q.r.Context(), q.up.Import.AccountID, q.up.Import.ID)
	if err != nil {
		return err
	}
	c.stand(q, reached, up.Expires, arrived(&up))
	if q.isTus || !arrived(&up) {
		q.WriteHeader(http.StatusNoContent)
		return nil
	}
	q.Header().Set("Content-Type", "application/json") // as for a file in one request
	q.WriteHeader(http.StatusAccepted)
	json.NewEncoder(q).Encode(up.Import) // who left does not read it
	return nil
}

// errTusVersion says that a request speaks no version that is spoken here.
var errTusVersion = errors.New("unsupported tus version")
