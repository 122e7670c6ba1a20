package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// parameter is one name and value of a query or of tus metadata.
type parameter struct {
	name, value string
	bare        bool // the name stands alone: "?dry_run", not "?dry_run="
}

// flags are true where they stand alone.
var flags = []string{"dry_run", "no_header", "raw", "whole"}

// readParameters makes values of what is given. Each name must be known, given once
// (map: as often as there are columns), and have a value: an empty one is as likely a
// slip as a choice, and would start something else than was meant. All faults are
// reported at once.
func readParameters(given []parameter, known []string) (url.Values, error) {
	values, wrong := url.Values{}, faults{}
	for _, p := range given {
		pointer := inQuery(p.name)
		if p.bare && slices.Contains(flags, p.name) {
			p.value = "true"
		}
		switch {
		case !slices.Contains(known, p.name):
			wrong.add(pointer, "unknown_parameter", "There is no parameter %q here%s", bulk.Truncate(p.name), suggestion(p.name, known))
		case values.Has(p.name) && p.name != "map":
			wrong.add(pointer, "bad_parameter", "%s is given twice; give it once.", p.name)
		case p.value == "":
			wrong.add(pointer, "bad_parameter", "%s is empty; give it a value, or leave it out.", p.name)
		case !utf8.ValidString(p.value) || strings.ContainsRune(p.value, 0):
			wrong.add(pointer, "bad_parameter", "%s must be UTF-8 without NUL.", p.name)
		default:
			values.Add(p.name, p.value)
		}
	}
	return values, wrong.err()
}

// splitQuery takes a query apart. Unlike [url.ParseQuery] it tells a bare name from an
// empty value, takes a semicolon as what it is, and refuses what cannot be decoded.
func splitQuery(raw string) (given []parameter, err error) {
	wrong := faults{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			wrong.add(inQuery(name), "bad_parameter", "%q is not encoded as a query is; write %% as %%25.", bulk.Truncate(pair))
			continue
		}
		given = append(given, parameter{n, v, !found})
	}
	return given, wrong.err()
}

// inQuery points at a parameter.
func inQuery(name string) string { return "?" + name }

// strict makes a handler that is only asked with a query of the known parameters; from
// it h reads what was meant.
func strict(known []string, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		given, err := splitQuery(r.URL.RawQuery)
		if err != nil {
			return err
		}
		if r, err = withParameters(r, given, known); err != nil {
			return err
		}
		return h(w, r)
	}
}

// lenient is strict for a page: its forms send the fields that were left empty, too.
func lenient(known []string, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		given, err := splitQuery(r.URL.RawQuery)
		if err != nil {
			return err
		}
		given = slices.DeleteFunc(given, func(p parameter) bool { return p.value == "" && !p.bare && slices.Contains(known, p.name) })
		if r, err = withParameters(r, given, known); err != nil {
			return err
		}
		return h(w, r)
	}
}

// withParameters returns the request with a query of what is meant by the given ones.
func withParameters(r *http.Request, given []parameter, known []string) (*http.Request, error) {
	values, err := readParameters(given, known)
	if err != nil {
		return nil, err
	}
	as, at := r.WithContext(r.Context()), *r.URL
	at.RawQuery = values.Encode()
	as.URL = &at
	return as, nil
}
