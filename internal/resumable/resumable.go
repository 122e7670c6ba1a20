// Package resumable reads what requests say, and writes what answers have to say, in the
// two protocols for uploads in pieces:
//
//   - tus 1.0, https://tus.io/protocols/resumable-upload, which says so by Tus-Resumable;
//   - Resumable Uploads for HTTP, draft-ietf-httpbis-resumable-upload. Clients in the field
//     speak several of its versions, which Upload-Draft-Interop-Version tells apart: 3
//     (draft -01, with Upload-Incomplete), 4 and 5 (-02, -03, with Upload-Complete), 6 to 8
//     (-04 to -11, with application/partial-upload for pieces).
//
// What is said in a way that cannot be read is refused and not passed over, as the draft
// would have it: a piece whose header has a slip must not be taken for the whole.
package resumable

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/dunglas/httpsfv"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
)

// What is spoken of tus.
const (
	TusVersion    = "1.0.0"
	TusExtensions = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination"
)

// The media types of a piece.
const (
	TusPiece   = "application/offset+octet-stream"
	DraftPiece = "application/partial-upload"
)

// The draft's interop versions that are spoken.
const (
	oldestDraft = 3
	newestDraft = 8
)

const interopVersion = "Upload-Draft-Interop-Version"

// Draft is what a request says in the terms of the draft.
type Draft struct {
	Version  int  // interop version; 0: none, or one that is not spoken
	Said     bool // whether the request completes the upload is said
	Complete bool // it does, when its content was sent whole
}

// ParseDraft returns what a request says in the draft's terms; is tells whether it
// speaks the draft at all.
func ParseDraft(r *http.Request) (d Draft, is bool, err error) {
	h := r.Header
	complete, incomplete := h.Values("Upload-Complete"), h.Values("Upload-Incomplete")
	d.Said = len(complete)+len(incomplete) > 0
	if h.Get("Tus-Resumable") != "" {
		if d.Said {
			err = bulk.Errorf(bulk.KindInvalid, "two_protocols", "Tus-Resumable and Upload-Complete are of two protocols. Speak one of them.")
		}
		return Draft{}, false, err
	}
	if n, err := strconv.Atoi(h.Get(interopVersion)); err == nil && n >= oldestDraft && n <= newestDraft {
		d.Version = n
	}
	is = d.Said || len(h.Values(interopVersion)) > 0 || h.Get("Content-Type") == DraftPiece
	switch {
	case len(complete) > 0 && len(incomplete) > 0:
		err = bulk.Errorf(bulk.KindInvalid, "bad_upload_complete", "Send Upload-Complete or Upload-Incomplete, not both.")
	case len(complete) > 0:
		d.Complete, err = boolean("Upload-Complete", complete)
	case len(incomplete) > 0:
		d.Complete, err = boolean("Upload-Incomplete", incomplete)
		d.Complete = !d.Complete
	}
	return d, is, err
}

func boolean(name string, values []string) (bool, error) {
	item, err := httpsfv.UnmarshalItem(values)
	is, ok := item.Value.(bool)
	if err != nil || !ok {
		return false, bulk.Errorf(bulk.KindInvalid, "bad_upload_complete", "%s is %q; write ?1 or ?0.", name, values[0])
	}
	return is, nil
}

// Bytes returns a number of bytes that a header field says; said is false without it.
func Bytes(h http.Header, name string) (n int64, said bool, err error) {
	values := h.Values(name)
	if len(values) == 0 {
		return 0, false, nil
	}
	n, err = strconv.ParseInt(values[0], 10, 64)
	if err != nil || n < 0 || len(values) > 1 {
		return 0, true, bulk.Errorf(bulk.KindInvalid, "bad_upload_length", "%s is %q; write a number of bytes, once.", name, values[0])
	}
	return n, true, nil
}

// Length returns the length of the file that a request for bytes from offset on says,
// -1 when it says none.
func (d Draft) Length(r *http.Request, offset int64) (int64, error) {
	length, said, err := Bytes(r.Header, "Upload-Length")
	if err != nil {
		return 0, err
	}
	if d.Complete && r.ContentLength >= 0 {
		if end := offset + r.ContentLength; said && length != end {
			return 0, bulk.Errorf(bulk.KindInvalid, bulk.ErrLengthMismatch, "Upload-Length is %d, but the file ends with this request at byte %d.", length, end)
		}
		return offset + r.ContentLength, nil
	}
	if !said {
		length = -1
	}
	return length, nil
}

// Announce sends the interim answer that says where an upload can be continued, to who
// speaks a version of the draft that knows it. The body must not be read meanwhile.
func (d Draft) Announce(w http.ResponseWriter, location string, limits Limits) {
	if d.Version == 0 {
		return
	}
	h := w.Header()
	h.Set("Location", location)
	h.Set(interopVersion, strconv.Itoa(d.Version))
	limits.Set(h)
	w.WriteHeader(104) // Upload Resumption Supported
	h.Del("Location")
}

// SetComplete says whether the upload is complete, as the version has it.
func (d Draft) SetComplete(h http.Header, complete bool) {
	if d.Version == oldestDraft {
		h.Set("Upload-Incomplete", flag(!complete))
		return
	}
	h.Set("Upload-Complete", flag(complete))
}

func flag(is bool) string {
	if is {
		return "?1"
	}
	return "?0"
}

// Limits are the bounds of an upload.
type Limits struct {
	FileBytes int64
	Expires   time.Time // zero: as long as it is for every new upload
}

// Set says the limits, each in the fields of both protocols.
func (l Limits) Set(h http.Header) {
	limit := fmt.Sprintf("max-size=%d", l.FileBytes)
	if !l.Expires.IsZero() {
		limit += fmt.Sprintf(", max-age=%d", max(0, int64(time.Until(l.Expires).Seconds())))
		h.Set("Upload-Expires", l.Expires.UTC().Format(http.TimeFormat))
	}
	h.Set("Upload-Limit", limit)
}

// Discover says what is spoken.
func Discover(h http.Header, fileBytes int64) {
	h.Set("Tus-Resumable", TusVersion)
	h.Set("Tus-Version", TusVersion)
	h.Set("Tus-Extension", TusExtensions)
	h.Set("Tus-Checksum-Algorithm", digest.TusAlgorithms())
	h.Set("Tus-Max-Size", strconv.FormatInt(fileBytes, 10))
	h.Set("Accept-Patch", TusPiece+", "+DraftPiece)
	Limits{FileBytes: fileBytes}.Set(h)
}
