package console

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/resumable"
)

// tusOptions answers discovery.
func (s *Server) tusOptions(w http.ResponseWriter, _ *http.Request) error {
	resumable.Discover(w.Header(), s.Limits.FileBytes)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// createTus serves the creation extension. The import's parameters come as metadata, by
// the names that a query would use; what else the metadata says is kept for the client.
func (s *Server) createTus(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Tus-Resumable", resumable.TusVersion)
	switch {
	case r.Header.Get("Tus-Resumable") != resumable.TusVersion:
		w.Header().Set("Tus-Version", resumable.TusVersion)
		return statusError(http.StatusPreconditionFailed)
	case r.Header.Get("Upload-Concat") != "":
		return bulk.Errorf(bulk.KindInvalid, "no_concatenation", "Upload-Concat is not supported: a file is sent as one upload.")
	case r.ContentLength != 0 && mediaType(r) != resumable.TusPiece:
		return bulk.Errorf(bulk.KindInvalid, "invalid_content_type", "The bytes that come with a creation are %s.", resumable.TusPiece)
	}
	size, err := tusLength(r)
	if err != nil {
		return err
	}
	if err := notEmpty(size); err != nil {
		return err
	}
	return s.createUpload(w, r, announced{size: size, piece: resumable.TusPiece})
}

// tusLength returns the announced size, -1 when it is deferred.
func tusLength(r *http.Request) (int64, error) {
	length, deferred := r.Header.Get("Upload-Length"), r.Header.Get("Upload-Defer-Length")
	if length == "" && deferred == "1" {
		return -1, nil
	}
	n, err := strconv.ParseInt(length, 10, 64)
	if err != nil || n < 0 || deferred != "" {
		return 0, bulk.Errorf(bulk.KindInvalid, "bad_upload_length", "Send Upload-Length with the file's size in bytes, or Upload-Defer-Length: 1.")
	}
	return n, nil
}

// announced is a file that comes in pieces.
type announced struct {
	size  int64           // in bytes, -1: not known
	draft resumable.Draft // zero: it comes by tus
	piece string          // media type of a piece
}

// createUpload makes an import of the file, whose first piece perhaps comes with this
// request.
func (s *Server) createUpload(w http.ResponseWriter, r *http.Request, f announced) error {
	if r.ContentLength > f.size && f.size >= 0 {
		return bulk.Errorf(bulk.KindInvalid, bulk.ErrLengthMismatch, "The file was announced with %d bytes, but this request has %d.", f.size, r.ContentLength)
	}
	params, err := uploadParams(r)
	if err != nil {
		return err
	}
	n, err := parseImport(params)
	if err != nil {
		return err
	}
	if err := wholeDigests(r.Header, &n.Options); err != nil {
		return err
	}
	n.Size, n.Metadata = f.size, r.Header.Get("Upload-Metadata")
	imp, replayed, err := s.create(w, r, n)
	if err != nil {
		return err
	}
	at := contentPath(imp.ID)
	f.draft.Announce(w, at, s.uploadLimits())
	answer := &creation{ResponseWriter: w, location: at}
	if r.ContentLength != 0 && !replayed {
		s.Content.ServeHTTP(answer, asPiece(r, imp.ID, f.piece))
		return nil
	}
	s.uploadLimits().Set(w.Header())
	w.Header().Set("Upload-Offset", strconv.FormatInt(imp.Bytes.Received, 10))
	if f.draft.Said {
		f.draft.SetComplete(w.Header(), false)
	}
	answer.WriteHeader(http.StatusCreated)
	return nil
}

// uploadLimits are those of a new upload.
func (s *Server) uploadLimits() resumable.Limits {
	return resumable.Limits{FileBytes: s.Limits.FileBytes, Expires: time.Now().Add(s.Limits.UploadLife())}
}

// asPiece makes the content of a creation the first piece of its upload.
func asPiece(r *http.Request, id bulk.ImportID, piece string) *http.Request {
	p := r.Clone(r.Context())
	p.Method, p.URL.Path, p.URL.RawPath, p.URL.RawQuery = http.MethodPatch, contentPath(id), "", ""
	p.SetPathValue("id", string(id))
	p.Header.Set("Content-Type", piece)
	p.Header.Set("Upload-Offset", "0")
	for _, name := range []string{"Upload-Metadata", "Upload-Length", "Upload-Defer-Length", "Content-Encoding", "Content-Disposition", "Repr-Digest", "Digest", "X-Http-Method-Override"} {
		p.Header.Del(name) // they were of the file
	}
	return p
}

// creation answers a creation by what became of its content. Where there was no room for
// that now, the upload is there nevertheless, and continues at its beginning.
type creation struct {
	http.ResponseWriter
	location string
	silent   bool
}

// WriteHeader implements http.ResponseWriter.
func (c *creation) WriteHeader(status int) {
	h := c.Header()
	switch status {
	case http.StatusNoContent:
		status = http.StatusCreated
	case http.StatusServiceUnavailable, http.StatusLocked:
		c.silent, status = true, http.StatusCreated
		h.Del("Content-Type")
		h.Del("Content-Length")
		if h.Get("Upload-Offset") == "" {
			h.Set("Upload-Offset", "0")
		}
	}
	h.Set("Location", c.location)
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *creation) Write(b []byte) (int, error) {
	if c.silent {
		return len(b), nil
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *creation) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// uploadParams returns the parameters of a new import from the query and from what is
// ours of the metadata. What else there is belongs to the client: upload widgets send
// more by themselves.
func uploadParams(r *http.Request) (url.Values, error) {
	meta, err := tusMetadata(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return nil, err
	}
	var ours []parameter
	name := ""
	for _, p := range meta {
		if slices.Contains(importParams, p.name) {
			ours = append(ours, p)
		} else if err := noSlip(p.name); err != nil {
			return nil, err
		}
		if p.name == "name" {
			name = p.value
		}
	}
	v, err := readParameters(ours, importParams)
	if err != nil {
		return nil, err
	}
	for name, values := range r.URL.Query() {
		if v.Has(name) {
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_parameter", "%s is given in the query and in Upload-Metadata. Give it once.", name)
		}
		v[name] = values
	}
	if v.Get("filename") == "" && validName(name) { // what widgets call it
		v.Set("filename", name)
	}
	return v, nil
}

// noSlip refuses what is a slip of a name of ours: a "dry-run" must not become a real
// import.
func noSlip(name string) error {
	bare := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	for _, param := range importParams {
		if param != "filename" && bare(name) == bare(param) {
			return bulk.Errorf(bulk.KindInvalid, "unknown_parameter", "Upload-Metadata has %q; write %s.", bulk.Truncate(name), param)
		}
	}
	return nil
}

// tusMetadata decodes "name base64, name base64"; a name may stand alone.
func tusMetadata(header string) (meta []parameter, err error) {
	for pair := range strings.SplitSeq(header, ",") {
		name, code, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if name == "" && code == "" {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(code))
		if err != nil || name == "" {
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_upload_metadata", "Upload-Metadata must be pairs of a name and a Base64 value; %q is not.", bulk.Truncate(name))
		}
		meta = append(meta, parameter{name, string(value), len(value) == 0})
	}
	return meta, nil
}
