package mirror

import (
	"encoding/json"
	"strconv"
	"time"
)

// microTime is how the current engine reads a moment.
const microTime = "2006-01-02 15:04:05.000000"

// appendJSON renders a value of a row. What is frequent does without reflection.
func appendJSON(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		if plain(v) {
			return append(append(append(b, '"'), v...), '"'), nil
		}
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case uint64:
		return strconv.AppendUint(b, v, 10), nil
	case bool:
		return strconv.AppendBool(b, v), nil
	case time.Time:
		return append(v.UTC().AppendFormat(append(b, '"'), microTime), '"'), nil
	}
	text, err := json.Marshal(v)
	return append(b, text...), err
}

// plain reports whether a text stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
