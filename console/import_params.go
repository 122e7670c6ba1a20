package console

import (
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// importParams are the parameters of a new import; a query, a form and tus metadata use
// the same names.
var importParams = []string{
	"dataset", "mode", "filename", "priority", "on_error", "dry_run", "map", "delimiter", "quote", "escape", "encoding", "no_header", "sha256",
}

// previewParameters are those of them that matter to a preview, and its own.
var previewParameters = []string{"dataset", "delimiter", "quote", "escape", "encoding", "no_header", "whole"}

// encodings that a person may choose, see [bulk.DialectChoice].
var encodings = []string{"utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1", "shift_jis"}

// parseImport makes a new import of parameters. Size and Account are the caller's.
func parseImport(v url.Values) (bulk.NewImport, error) {
	wrong := faults{}
	mapping, err := parseMapping(v["map"])
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		wrong.addError(inQuery("map"), e)
	}
	n := bulk.NewImport{
		Dataset: bulk.DatasetName(v.Get("dataset")), Mode: bulk.Mode(v.Get("mode")), Priority: bulk.Priority(v.Get("priority")), Filename: v.Get("filename"), Size: -1,
		Options: bulk.Options{
			OnError: bulk.OnError(v.Get("on_error")), DryRun: parseBool(&wrong, v, "dry_run"), Mapping: mapping, Dialect: parseDialect(&wrong, v), SHA256: v.Get("sha256"),
		},
	}
	checkImport(&wrong, &n)
	return n, wrong.err()
}

func parseDialect(wrong *faults, v url.Values) bulk.DialectChoice {
	return bulk.DialectChoice{
		Delimiter: v.Get("delimiter"), Quote: v.Get("quote"), Escape: v.Get("escape"), Encoding: v.Get("encoding"), NoHeader: parseBool(wrong, v, "no_header"),
	}
}

// parseBool reads a flag; one that was left out is false. "on" is what a form's
// checkbox sends.
func parseBool(wrong *faults, v url.Values, name string) bool {
	text := v.Get(name)
	if text == "" || text == "on" {
		return text == "on"
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		wrong.add(inQuery(name), "bad_parameter", "%s is %q; use true or false.", name, text)
	}
	return b
}

// parseMapping reads "header=column,header=column". Column names hold neither sign, so
// a comma without an equals sign before the next comma belongs to a header's name; what
// cannot be said this way can be in a JSON request.
func parseMapping(texts []string) (map[string]string, error) {
	var mapping map[string]string
	for _, text := range texts {
		header := ""
		for piece := range strings.SplitSeq(text, ",") {
			header += piece
			at := strings.LastIndexByte(piece, '=')
			if at < 0 {
				header += ","
				continue
			}
			name, field := header[:len(header)-len(piece)+at], piece[at+1:]
			if _, dup := mapping[name]; dup || name == "" {
				return nil, bulk.Errorf(bulk.KindInvalid, "bad_mapping", "map names the column %q twice or not at all; write header=column,header=column.", name)
			}
			if mapping == nil {
				mapping = map[string]string{}
			}
			mapping[name], header = field, ""
		}
		if strings.Trim(header, ",") != "" {
			return nil, bulk.Errorf(bulk.KindInvalid, "bad_mapping", "map has %q without an equals sign; write header=column,header=column.", strings.TrimSuffix(header, ","))
		}
	}
	return mapping, nil
}

// inBody says where the parameters stand in a JSON request.
var inBody = map[string]string{
	"dataset": "/dataset", "mode": "/mode", "filename": "/filename", "priority": "/priority", "size": "/size",
	"on_error": "/options/on_error", "dry_run": "/options/dry_run", "map": "/options/mapping", "sha256": "/options/sha256", "digests": "/options/digests",
	"delimiter": "/options/dialect/delimiter", "quote": "/options/dialect/quote", "escape": "/options/dialect/escape",
	"encoding": "/options/dialect/encoding", "no_header": "/options/dialect/no_header",
}

// checkNew fills in the defaults of a new import and refuses what no dataset could take.
func (s *Server) checkNew(n *bulk.NewImport) error {
	wrong := faults{}
	checkImport(&wrong, n)
	if err := wrong.err(); err != nil {
		return err
	}
	if n.Size > s.Limits.FileBytes {
		return bulk.Errorf(bulk.KindTooLarge, "file_too_large", "The file has %d bytes; at most %d are taken. Split it, or compress it with gzip or zstd.", n.Size, s.Limits.FileBytes)
	}
	return nil
}

func checkImport(wrong *faults, n *bulk.NewImport) {
	if n.Mode == "" {
		n.Mode = bulk.ModeCreate
	}
	if n.Priority == "" {
		n.Priority = bulk.PriorityNormal
	}
	if n.Filename == "" {
		n.Filename = "upload.csv"
	}
	if n.Dataset == "" {
		wrong.add(inQuery("dataset"), "missing_dataset", "Say with dataset=… into which dataset the file goes.")
	}
	if n.Mode != bulk.ModeCreate && n.Mode != bulk.ModeUpsert {
		wrong.add(inQuery("mode"), "bad_mode", "mode is %q; use create or upsert.", n.Mode)
	}
	if !slices.Contains([]bulk.Priority{bulk.PriorityHigh, bulk.PriorityNormal, bulk.PriorityLow}, n.Priority) {
		wrong.add(inQuery("priority"), "bad_priority", "priority is %q; use high, normal or low.", n.Priority)
	}
	if !validName(n.Filename) {
		wrong.add(inQuery("filename"), "bad_filename", "filename must have at most %d characters of UTF-8, no control characters.", bulk.MaxName)
	}
	if sum, err := hex.DecodeString(n.Options.SHA256); err != nil || (len(sum) != 0 && len(sum) != 32) {
		wrong.add(inQuery("sha256"), "bad_sha256", "sha256 must be the 64 hex digits of the file's SHA-256.")
	}
	n.Options.SHA256 = strings.ToLower(n.Options.SHA256)
	if e, ok := errors.AsType[*bulk.Error](checkDigests(n.Options.Digests)); ok {
		wrong.addError(inQuery("digests"), e)
	}
	if e, ok := errors.AsType[*bulk.Error](n.Options.OnError.Check()); ok {
		wrong.addError(inQuery("on_error"), e)
	}
	checkDialect(wrong, n.Options.Dialect)
}

func checkDialect(wrong *faults, d bulk.DialectChoice) {
	for _, c := range [][2]string{{"delimiter", d.Delimiter}, {"quote", d.Quote}, {"escape", d.Escape}} {
		if name, v := c[0], c[1]; v != "" && (len(v) != 1 || strings.ContainsAny(v, "\x00\r\n") || v[0] > unicode.MaxASCII) {
			wrong.add(inQuery(name), "bad_dialect", "%s is %q; it must be one ASCII character and no line ending.", name, v)
		}
	}
	if d.Delimiter != "" && (d.Delimiter == d.Quote || d.Delimiter == d.Escape) {
		wrong.add(inQuery("delimiter"), "bad_dialect", "The delimiter cannot also be the quote or escape.")
	}
	if d.Encoding != "" && !slices.Contains(encodings, d.Encoding) {
		wrong.add(inQuery("encoding"), "bad_dialect", "encoding is %q; use one of %s.", d.Encoding, strings.Join(encodings, ", "))
	}
}

func validName(s string) bool {
	return s != "" && utf8.RuneCountInString(s) <= bulk.MaxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
