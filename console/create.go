package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
	"bulkhead/internal/requestid"
	"bulkhead/internal/resumable"
)

// csvTypes are the content types of a file; curl -T sends none.
var csvTypes = []string{"", "text/csv", "application/csv", "application/octet-stream", "application/gzip", "application/x-gzip", "application/zstd"}

// newImport is the JSON of POST /v1/imports.
type newImport struct {
	Dataset  bulk.DatasetName  `json:"dataset"`
	Mode     bulk.Mode         `json:"mode"`
	Filename string            `json:"filename"`
	Size     *int64            `json:"size"`
	Mapping  map[string]string `json:"mapping"` // short for options.mapping
	Options  bulk.Options      `json:"options"`
	Priority bulk.Priority     `json:"priority"`
}

// createImport serves the ways to begin: a JSON description, the file itself, or the
// beginning of an upload by tus or by the IETF's draft.
func (s *Server) createImport(w http.ResponseWriter, r *http.Request) error {
	draft, isDraft, err := resumable.ParseDraft(r)
	if err != nil {
		return err
	}
	t := mediaType(r)
	switch {
	case r.Header.Get("Tus-Resumable") != "":
		return s.createTus(w, r)
	case isDraft && !draft.Said:
		return bulk.Errorf(bulk.KindInvalid, "bad_upload_complete", "Say with Upload-Complete: ?1 that this request has the whole file, or with ?0 that it has not.")
	case isDraft && !draft.Complete:
		return s.createPart(w, r, draft)
	case !isDraft:
		if err := onlyWhole(r); err != nil {
			return err
		}
	}
	switch {
	case t == "application/json" && !isDraft:
		return s.createJSON(w, r)
	case slices.Contains(csvTypes, t):
		return s.createFile(w, r, draft)
	}
	return statusError(http.StatusUnsupportedMediaType)
}

func (s *Server) createJSON(w http.ResponseWriter, r *http.Request) error {
	var body newImport
	if r.URL.RawQuery != "" {
		return bulk.Errorf(bulk.KindInvalid, "unknown_parameter", "A JSON request takes no parameters: say what the file is and how it is imported in the body.")
	}
	if err := s.readJSON(w, r, &body); err != nil {
		return err
	}
	if body.Mapping != nil {
		if body.Options.Mapping != nil {
			return bulk.Errorf(bulk.KindInvalid, "bad_mapping", "Give mapping or options.mapping, not both.")
		}
		body.Options.Mapping = body.Mapping
	}
	n := bulk.NewImport{Dataset: body.Dataset, Mode: body.Mode, Priority: body.Priority, Filename: body.Filename, Size: -1, Options: body.Options}
	if body.Size != nil {
		if n.Size = *body.Size; n.Size < 0 {
			return bulk.Errorf(bulk.KindInvalid, "bad_size", "size is %d; leave it out when it is not known.", n.Size)
		}
		if err := notEmpty(n.Size); err != nil {
			return err
		}
	}
	imp, _, err := s.create(w, r, n)
	if err != nil {
		return relocate(err, inBody)
	}
	w.Header().Set("Location", importPath(imp.ID))
	return writeJSON(w, http.StatusCreated, struct {
		bulk.Import
		UploadURL string `json:"upload_url"`
	}{imp, contentPath(imp.ID)})
}

// notEmpty refuses a file that is announced as empty: no client would send its
// bytes, so the import would stay open.
func notEmpty(size int64) error {
	if size == 0 {
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrEmptyFile, "The file is empty. It needs at least a header.")
	}
	return nil
}

// knownEncoding reports whether the file's Content-Encoding is one that can be undone.
func knownEncoding(r *http.Request) bool {
	return slices.Contains([]string{"", "identity", "gzip", "zstd"}, strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ",")))
}

// readFileRequest returns what a request with a whole file asks for.
func readFileRequest(r *http.Request, draft resumable.Draft) (n bulk.NewImport, err error) {
	query := r.URL.Query()
	if draft.Said {
		query, err = uploadParams(r)
	}
	if err != nil {
		return n, err
	}
	if !knownEncoding(r) {
		return n, statusError(http.StatusUnsupportedMediaType)
	}
	if n, err = parseImport(query); err != nil {
		return n, err
	}
	if name, is := digest.InTrailer(r.Trailer); is {
		return n, bulk.Errorf(bulk.KindInvalid, "bad_digest", "Send %s as a header; it comes too late in a trailer.", name)
	}
	if err := wholeDigests(r.Header, &n.Options); err != nil {
		return n, err
	}
	content, err := digest.Content(r.Header) // all of the file is in this request
	if err != nil {
		return n, err
	}
	if err := addDigests(content, &n.Options); err != nil {
		return n, err
	}
	n.Size, err = resumable.Draft{Complete: true}.Length(r, 0)
	return n, err
}

// createFile takes a whole file in one request. Who speaks the draft learns where to go
// on should the request break off.
func (s *Server) createFile(w http.ResponseWriter, r *http.Request, draft resumable.Draft) error {
	n, err := readFileRequest(r, draft)
	if err != nil {
		return err
	}
	imp, replayed, err := s.create(w, r, n)
	if err == nil && replayed { // the first answer is from before the file came
		imp, err = s.Imports.Import(r.Context(), imp.AccountID, imp.ID)
	}
	if err != nil {
		return err
	}
	at := importPath(imp.ID)
	if draft.Said {
		at = contentPath(imp.ID)
		draft.Announce(w, at, s.uploadLimits())
	}
	begun := replayed && !imp.Can(bulk.TriggerBegin) // by an earlier request
	if !begun {
		id := imp.ID
		imp, err = s.receive(r, incoming{id, r.Body, n.Size, draft.Version > 0})
		if r.Header.Get("Idempotency-Key") != "" && bulk.CodeOf(err) == bulk.ErrUploadClosed { // by one that was faster
			if now, gone := s.Imports.Import(r.Context(), s.principal(r).Account, id); gone == nil && (now.Sealed || cut(now)) {
				imp, err, begun = now, nil, true
			}
		}
		if err != nil {
			return err
		}
	}
	if begun && cut(imp) {
		return &importError{imp.ID, bulk.Errorf(bulk.KindConflict, "upload_incomplete",
			"An earlier request with this Idempotency-Key is still sending, or was cut after %d bytes. Continue it at %s, or cancel it and send the file under a new key.", imp.Bytes.Received, contentPath(imp.ID))}
	}
	if draft.Said {
		draft.SetComplete(w.Header(), true)
		w.Header().Set("Upload-Offset", strconv.FormatInt(imp.Bytes.Received, 10))
	}
	w.Header().Set("Location", at)
	return writeJSON(w, http.StatusAccepted, imp)
}

// cut reports whether an import waits for bytes of its file.
func cut(imp bulk.Import) bool {
	complete := imp.Sealed || imp.Bytes.Total > 0 && imp.Bytes.Received >= imp.Bytes.Total
	return !complete && imp.State.AcceptsBytes()
}

// incoming is a whole file on its way into an open import.
type incoming struct {
	to     bulk.ImportID
	body   io.Reader
	length int64 // in bytes, -1: not known
	told   bool  // the client knows where the import is
}

// receive streams a file into its import and returns how that stands then. An import
// for which there was no room is forgotten, unless the client can come back to it: it
// was told where it is, or has an idempotency key.
func (s *Server) receive(r *http.Request, f incoming) (bulk.Import, error) {
	who := s.principal(r).Account
	if err := s.Uploads.Receive(r.Context(), who, f.to, bulk.Body{Reader: f.body, Length: f.length}); err != nil {
		if bulk.KindOf(err) == bulk.KindUnavailable && r.Header.Get("Idempotency-Key") == "" && !f.told {
			switch forgotten, gone := s.Imports.Forget(r.Context(), who, f.to); {
			case gone != nil:
				err = errors.Join(err, gone)
			case forgotten:
				return bulk.Import{}, err
			}
		}
		return bulk.Import{}, &importError{f.to, err}
	}
	imp, err := s.Imports.Import(r.Context(), who, f.to)
	if err != nil {
		return imp, fmt.Errorf("read import: %w", err)
	}
	return imp, nil
}

// create checks and stores a new import of the request's account.
func (s *Server) create(w http.ResponseWriter, r *http.Request, n bulk.NewImport) (imp bulk.Import, replayed bool, err error) {
	if n.Filename == "" {
		n.Filename = dispositionName(r)
	}
	if _, said, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && said["header"] == "absent" { // RFC 4180
		n.Options.Dialect.NoHeader = true
	}
	if err := s.checkNew(&n); err != nil {
		return imp, false, err
	}
	key := r.Header.Get("Idempotency-Key")
	if given := r.Header.Values("Idempotency-Key"); len(given) > 1 || len(given) == 1 && !validName(key) {
		return imp, false, bulk.Errorf(bulk.KindInvalid, "bad_idempotency_key", "Idempotency-Key must be given once and have 1 to %d characters.", bulk.MaxName)
	}
	n.Account = s.principal(r).Account
	if n.RequestHash, err = requestHash(r, n); err != nil {
		return imp, false, err
	}
	n.IdempotencyKey, n.RequestID = key, requestid.From(r.Context())
	imp, replayed, err = s.Imports.CreateImport(r.Context(), n, s.Limits.OpenUploads)
	if err != nil {
		return imp, false, fmt.Errorf("create import: %w", err)
	}
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	return imp, replayed, nil
}

// requestHash is equal for requests that ask for the same import in the same way. A
// file's body counts by its length and, where it is given, its digest.
func requestHash(r *http.Request, n bulk.NewImport) (string, error) {
	b, err := json.Marshal([]any{r.Method, r.URL.Path, mediaType(r), r.Header.Get("Content-Encoding"), n})
	if err != nil {
		return "", fmt.Errorf("hash request: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func importPath(id bulk.ImportID) string  { return "/v1/imports/" + string(id) }
func contentPath(id bulk.ImportID) string { return importPath(id) + "/content" }
