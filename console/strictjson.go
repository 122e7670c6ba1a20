package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// decodeStrict decodes a JSON value into v, a pointer to a struct, and lists everything
// in it that would otherwise be dropped, defaulted or altered in silence: unknown and
// repeated names, null and empty text where something is meant, numbers and texts that
// Go would change. A whole number may be written in any way that JSON Schema calls an
// integer: 304, 304.0, 3.04e2.
func decodeStrict(data []byte, v any) error {
	if !utf8.Valid(data) {
		return bulk.Errorf(bulk.KindInvalid, "bad_json", "The JSON body is not UTF-8. Encode it as UTF-8.")
	}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil { // bounds the depth, too
		return badJSON(err)
	}
	c := strictJSON{replaced: replaces(data)}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	tree := c.fit(c.parse(dec, ""), reflect.TypeOf(v).Elem(), "")
	if len(c.wrong) > 0 {
		slices.SortStableFunc(c.wrong, func(a, b Fault) int { return strings.Compare(a.Pointer, b.Pointer) })
		return c.wrong.err()
	}
	plain, err := json.Marshal(tree)
	if err != nil {
		return badJSON(err)
	}
	return badJSON(json.Unmarshal(plain, v))
}

// strictJSON walks a JSON value beside the Go type that is to take it.
type strictJSON struct {
	wrong    faults
	replaced bool // half a surrogate pair was replaced somewhere
}

// replaces reports whether the decoder puts U+FFFD where the text does not have it.
func replaces(data []byte) bool {
	var v any
	json.Unmarshal(data, &v) // is known to be valid
	out, _ := json.Marshal(v)
	lower := bytes.ToLower(data)
	return bytes.Contains(out, []byte("\uFFFD")) && !bytes.Contains(lower, []byte("\uFFFD")) && !bytes.Contains(lower, []byte(`\ufffd`))
}

// parse reads one value; objects become maps.
func (c *strictJSON) parse(dec *json.Decoder, at string) any {
	token, _ := dec.Token() // is known to be valid
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			key, _ := dec.Token()
			name, _ := key.(string)
			if _, twice := object[name]; twice {
				c.wrong.add(at+"/"+escape(name), "bad_json", "%q is given twice; give it once.", name)
			}
			object[name] = c.parse(dec, at+"/"+escape(name))
		}
		dec.Token()
		return object
	case json.Delim('['):
		list := []any{}
		for i := 0; dec.More(); i++ {
			list = append(list, c.parse(dec, at+"/"+strconv.Itoa(i)))
		}
		dec.Token()
		return list
	}
	if text, ok := token.(string); ok && (strings.ContainsRune(text, 0) || c.replaced && strings.ContainsRune(text, utf8.RuneError)) {
		c.wrong.add(at, "bad_json", "%s has a NUL or half a character; take it out.", named(at))
	}
	return token
}

// fit checks that a value fits a type, and returns it as the type's decoder reads it.
func (c *strictJSON) fit(v any, t reflect.Type, at string) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v == nil && t != reflect.TypeFor[capChange]() {
		c.wrong.add(at, "bad_json", "%s is null; give it a value, or leave it out.", named(at))
		return v
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return c.custom(v, t, at)
	}
	switch v := v.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			return c.object(v, t, at)
		case reflect.Map:
			for name, x := range v {
				v[name] = c.fit(x, t.Elem(), at+"/"+escape(name))
			}
			return v
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, x := range v {
				v[i] = c.fit(x, t.Elem(), at+"/"+strconv.Itoa(i))
			}
			return v
		}
	case string:
		if t.Kind() == reflect.String {
			return v
		}
	case bool:
		if t.Kind() == reflect.Bool {
			return v
		}
	case json.Number:
		if n, ok := whole(v); ok && t.Kind() >= reflect.Int && t.Kind() <= reflect.Int64 {
			return n
		}
	}
	c.wrong.add(at, "bad_json", "%s must be %s.", named(at), kindOf(t))
	return v
}

func (c *strictJSON) object(v map[string]any, t reflect.Type, at string) any {
	fields, names := map[string]reflect.Type{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name], names = f.Type, append(names, name)
	}
	for name, x := range v {
		field, known := fields[name]
		switch {
		case !known:
			c.wrong.add(at+"/"+escape(name), "bad_json", "There is no field %s%s", bulk.Truncate(named(at+"/"+name)), suggestion(name, names))
		case x == "":
			c.wrong.add(at+"/"+escape(name), "bad_json", "%s is empty; give it a value, or leave it out.", named(at+"/"+name))
		default:
			v[name] = c.fit(x, field, at+"/"+escape(name))
		}
	}
	return v
}

// custom asks the type itself.
func (c *strictJSON) custom(v any, t reflect.Type, at string) any {
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, reflect.New(t).Interface())
	}
	if e, ok := errors.AsType[*bulk.Error](err); ok {
		c.wrong.addError(at, e)
	} else if err != nil {
		c.wrong.add(at, "bad_json", "%s: %v.", named(at), err)
	}
	return v
}

// whole returns the integer that a number is, however it is written.
func whole(n json.Number) (int64, bool) {
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	f, err := n.Float64()
	const exact = 1 << 53 // up to here a float64 is the number that was written
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) <= exact
}

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	default:
		return "a whole number"
	}
}

// escape writes a name as a token of a JSON Pointer.
func escape(name string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(name) }

// named names a place for people: options.dry_run.
func named(at string) string {
	if at == "" {
		return "The body"
	}
	return strings.Join(slices.Collect(strings.SplitSeq(at[1:], "/")), ".")
}
