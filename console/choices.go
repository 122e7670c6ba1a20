package console

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// choices are the parameters of a new import; a query, a form and tus metadata use
// the same names.
var choices = []string{
	"dataset", "mode", "filename", "priority", "on_error", "dry_run", "map", "delimiter", "quote", "escape", "encoding", "no_header", "sha256",
}

// encodings that a person may choose, see [bulk.DialectChoice].
var encodings = []string{"utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1", "shift_jis"}

// maxName bounds the name of a file, an account or a key, in bytes.
const maxName = 255

// knownParameters refuses names that mean nothing here, so that a slip such as
// on-error=abort is not silently ignored.
func knownParameters(v url.Values, more ...string) error {
	for name := range v {
		if !slices.Contains(choices, name) && !slices.Contains(more, name) {
			return bulk.Errorf(bulk.KindInvalid, "unknown_parameter", "There is no parameter %q; there are: %s.", name, strings.Join(append(slices.Clone(choices), more...), ", "))
		}
	}
	return nil
}

// parseChoices makes a new import of parameters. Size and Account are the caller's.
func parseChoices(v url.Values) (bulk.NewImport, error) {
	dialect, err := parseDialect(v)
	if err != nil {
		return bulk.NewImport{}, err
	}
	dry, err := parseBool(v, "dry_run")
	if err != nil {
		return bulk.NewImport{}, err
	}
	mapping, err := parseMapping(v["map"])
	if err != nil {
		return bulk.NewImport{}, err
	}
	return bulk.NewImport{
		Dataset: bulk.DatasetName(v.Get("dataset")), Mode: bulk.Mode(v.Get("mode")), Priority: bulk.Priority(v.Get("priority")), Filename: v.Get("filename"), Size: -1,
		Options: bulk.Options{OnError: bulk.OnError(v.Get("on_error")), DryRun: dry, Mapping: mapping, Dialect: dialect, SHA256: v.Get("sha256")},
	}, nil
}

func parseDialect(v url.Values) (bulk.DialectChoice, error) {
	noHeader, err := parseBool(v, "no_header")
	d := bulk.DialectChoice{Delimiter: v.Get("delimiter"), Quote: v.Get("quote"), Escape: v.Get("escape"), Encoding: v.Get("encoding"), NoHeader: noHeader}
	if err != nil {
		return d, err
	}
	return d, checkDialect(d)
}

func parseBool(v url.Values, name string) (bool, error) {
	switch text := v.Get(name); text {
	case "":
		return false, nil
	case "on": // a form's checkbox
		return true, nil
	default:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return false, bulk.Errorf(bulk.KindInvalid, "bad_parameter", "%s is %q; use true or false.", name, text)
		}
		return b, nil
	}
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

// checkNew fills in the defaults of a new import and refuses what no dataset could take.
func (s *Server) checkNew(n *bulk.NewImport) error {
	if n.Mode == "" {
		n.Mode = bulk.ModeCreate
	}
	if n.Priority == "" {
		n.Priority = bulk.PriorityNormal
	}
	if n.Filename == "" {
		n.Filename = "upload.csv"
	}
	invalid := func(code, format string, args ...any) error {
		return bulk.Errorf(bulk.KindInvalid, code, format, args...)
	}
	switch {
	case n.Dataset == "":
		return invalid("missing_dataset", "Say with dataset=… into which dataset the file goes.")
	case n.Mode != bulk.ModeCreate && n.Mode != bulk.ModeUpsert:
		return invalid("bad_mode", "mode is %q; use create or upsert.", n.Mode)
	case !slices.Contains([]bulk.Priority{bulk.PriorityHigh, bulk.PriorityNormal, bulk.PriorityLow}, n.Priority):
		return invalid("bad_priority", "priority is %q; use high, normal or low.", n.Priority)
	case !validName(n.Filename):
		return invalid("bad_filename", "filename must be at most %d bytes of UTF-8 without control characters.", maxName)
	case n.Size > s.Limits.FileBytes:
		return bulk.Errorf(bulk.KindTooLarge, "file_too_large", "The file has %d bytes; at most %d are taken.", n.Size, s.Limits.FileBytes)
	}
	if sum, err := hex.DecodeString(n.Options.SHA256); err != nil || (len(sum) != 0 && len(sum) != 32) {
		return invalid("bad_sha256", "sha256 must be the 64 hex digits of the file's SHA-256.")
	}
	n.Options.SHA256 = strings.ToLower(n.Options.SHA256)
	if err := n.Options.OnError.Check(); err != nil {
		return err
	}
	return checkDialect(n.Options.Dialect)
}

func checkDialect(d bulk.DialectChoice) error {
	for _, c := range [][2]string{{"delimiter", d.Delimiter}, {"quote", d.Quote}, {"escape", d.Escape}} {
		if name, v := c[0], c[1]; v != "" && (len(v) != 1 || strings.ContainsAny(v, "\x00\r\n") || v[0] > unicode.MaxASCII) {
			return bulk.Errorf(bulk.KindInvalid, "bad_dialect", "%s is %q; it must be one ASCII character and no line ending.", name, v)
		}
	}
	if d.Delimiter != "" && (d.Delimiter == d.Quote || d.Delimiter == d.Escape) {
		return bulk.Errorf(bulk.KindInvalid, "bad_dialect", "The delimiter cannot also be the quote or escape.")
	}
	if d.Encoding != "" && !slices.Contains(encodings, d.Encoding) {
		return bulk.Errorf(bulk.KindInvalid, "bad_dialect", "encoding is %q; use one of %s.", d.Encoding, strings.Join(encodings, ", "))
	}
	return nil
}

func validName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
