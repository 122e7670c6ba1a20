package console

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"bulkhead/internal/bulk"
)

// tusVersion is the version of the resumable upload protocol, https://tus.io/protocols/resumable-upload
const tusVersion = "1.0.0"

// tusIgnored is metadata that upload widgets add by themselves.
var tusIgnored = []string{"filetype", "type", "name", "relativePath"}

// tusOptions answers discovery.
func (s *Server) tusOptions(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Tus-Resumable", tusVersion)
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", "creation,creation-defer-length")
	h.Set("Tus-Max-Size", strconv.FormatInt(s.Limits.FileBytes, 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// createTus serves the creation extension. The import's choices come as metadata, by
// the names that a query would use.
func (s *Server) createTus(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Tus-Resumable", tusVersion)
	if r.Header.Get("Tus-Resumable") != tusVersion {
		w.Header().Set("Tus-Version", tusVersion)
		return statusError(http.StatusPreconditionFailed)
	}
	if r.Header.Get("Upload-Concat") != "" {
		return bulk.Errorf(bulk.KindInvalid, "no_concatenation", "Upload-Concat is not supported: a file is sent as one upload.")
	}
	size, err := tusLength(r)
	if err != nil {
		return err
	}
	if err := notEmpty(size); err != nil {
		return err
	}
	meta, err := tusMetadata(r.Header.Get("Upload-Metadata"))
	if err != nil {
		return err
	}
	choices, err := readParameters(meta, choices)
	if err != nil {
		return err
	}
	for name, values := range r.URL.Query() {
		if choices.Has(name) {
			return bulk.Errorf(bulk.KindInvalid, "bad_parameter", "%s is given in the query and in Upload-Metadata.", name)
		}
		choices[name] = values
	}
	n, err := parseChoices(choices)
	if err != nil {
		return err
	}
	n.Size = size
	imp, _, err := s.create(w, r, n)
	if err != nil {
		return err
	}
	w.Header().Set("Location", contentPath(imp.ID))
	w.WriteHeader(http.StatusCreated)
	return nil
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

// tusMetadata decodes "name base64, name base64"; a name may stand alone.
func tusMetadata(header string) (meta []parameter, err error) {
	for pair := range strings.SplitSeq(header, ",") {
		name, code, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if name == "" && code == "" {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(code))
		if slices.Contains(tusIgnored, name) {
			continue
		}
		if err != nil || name == "" {
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_upload_metadata", "Upload-Metadata must be pairs of a name and a Base64 value; %q is not.", name)
		}
		meta = append(meta, parameter{name, string(value), len(value) == 0})
	}
	return meta, nil
}
