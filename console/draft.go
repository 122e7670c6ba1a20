package console

import (
	"encoding/hex"
	"mime"
	"net/http"
	"slices"

	"bulkhead/internal/bulk"
	"bulkhead/internal/digest"
	"bulkhead/internal/resumable"
)

// ofPieces are fields by which a request says that it is not a file of its own.
var ofPieces = []string{"Upload-Offset", "Upload-Metadata", "Upload-Defer-Length", "Upload-Concat", "Upload-Checksum", "X-Content-Range"}

// onlyWhole refuses a request that speaks no protocol for uploads in pieces, but has
// fields of one: what it brings may be a part, and must not be taken for the whole.
func onlyWhole(r *http.Request) error {
	for _, name := range ofPieces {
		if r.Header.Get(name) != "" {
			return bulk.Errorf(bulk.KindInvalid, "no_protocol",
				"%s is of a protocol for uploads in pieces. Say which: Tus-Resumable: 1.0.0, or Upload-Complete. Or send the whole file without it.", name)
		}
	}
	return nil
}

// noRange refuses a part of something at any address: only an upload knows how to put
// parts together (RFC 9110, 14.4).
func noRange(r *http.Request) error {
	if r.Header.Get("Content-Range") == "" {
		return nil
	}
	return bulk.Errorf(bulk.KindInvalid, "content_range",
		"Content-Range says that this is a part, and parts are not put together here. Send the whole, or a file in pieces by tus or by the IETF's resumable uploads; see the documentation of the API.")
}

// createPart begins an upload by the IETF's draft whose file is not complete with this
// request.
func (s *Server) createPart(w http.ResponseWriter, r *http.Request, draft resumable.Draft) error {
	if !slices.Contains(csvTypes, mediaType(r)) || !knownEncoding(r) {
		return statusError(http.StatusUnsupportedMediaType)
	}
	size, err := draft.Length(r, 0)
	if err != nil {
		return err
	}
	return s.createUpload(w, r, announced{size, draft, resumable.DraftPiece})
}

// dispositionName returns the file's name that Content-Disposition says, "" for none.
func dispositionName(r *http.Request) string {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil || !validName(parameters["filename"]) {
		return ""
	}
	return parameters["filename"]
}

// wholeDigests adds to the options the digests of the file that a header says.
func wholeDigests(h http.Header, o *bulk.Options) error {
	whole, err := digest.Representation(h)
	if err != nil {
		return err
	}
	return addDigests(whole, o)
}

// addDigests adds digests of the file to the options.
func addDigests(set digest.Set, o *bulk.Options) error {
	for algorithm, sum := range set {
		text := hex.EncodeToString(sum)
		said := o.Digests[algorithm]
		if algorithm == "sha-256" {
			said = o.SHA256
		}
		switch {
		case said != "" && said != text:
			return bulk.Errorf(bulk.KindInvalid, "bad_digest", "The request says two different digests of the file by %s.", algorithm)
		case algorithm == "sha-256":
			o.SHA256 = text
		case o.Digests == nil:
			o.Digests = map[string]string{algorithm: text}
		default:
			o.Digests[algorithm] = text
		}
	}
	return nil
}

// checkDigests refuses digests that no file could have.
func checkDigests(digests map[string]string) error {
	for algorithm, text := range digests {
		h := digest.New(algorithm)
		if sum, err := hex.DecodeString(text); h == nil || err != nil || len(sum) != h.Size() {
			return bulk.Errorf(bulk.KindInvalid, "bad_digest", "digests has %q for %q; give the hex digits of sha-512, sha, md5, crc32c, crc32 or adler.", text, algorithm)
		}
	}
	return nil
}
