package bulk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Type is the type of a dataset's column.
type Type string

// The column types and the Go values that validation makes of them (see [Value]).
const (
	TypeText      Type = "text"      // string, kept as it is
	TypeInteger   Type = "integer"   // int64
	TypeDecimal   Type = "decimal"   // string in canonical form, exact, ≤ 38 digits
	TypeFloat     Type = "float"     // float64, finite
	TypeBoolean   Type = "boolean"   // bool
	TypeDate      Type = "date"      // string YYYY-MM-DD, years 0001 to 9999
	TypeTimestamp Type = "timestamp" // string RFC 3339 in UTC with microseconds, e.g. 2006-01-02T15:04:05.000000Z
	TypeJSON      Type = "json"      // string, valid JSON, kept as it is
	TypeEmail     Type = "email"     // string
	TypeEnum      Type = "enum"      // string, one of Values
)

// Types lists every type in the order that the documentation shows them.
var Types = []Type{TypeText, TypeInteger, TypeDecimal, TypeFloat, TypeBoolean, TypeDate, TypeTimestamp, TypeJSON, TypeEmail, TypeEnum}

// Value is a validated cell: nil for an empty one, or the Go type that the
// column's Type names.
type Value = any

// Spec describes a dataset: a kind of record, kept in one typed table "ds_<name>".
// Datasets belong to the platform, records to accounts: every account sees the
// same specs and only its own rows.
type Spec struct {
	Name    DatasetName `json:"name"`
	Title   string      `json:"title,omitempty"`
	Key     []string    `json:"key"` // one to four columns that identify a record within an account
	Columns []Column    `json:"columns"`
}

// Column is one column of a dataset with its rules.
type Column struct {
	Name      string   `json:"name"`
	Type      Type     `json:"type"`
	Required  bool     `json:"required,omitempty"`
	Aliases   []string `json:"aliases,omitempty"`    // header names that also mean this column, compared by [HeaderKey]
	Min       Scalar   `json:"min,omitempty"`        // inclusive; integer, decimal, float, date, timestamp
	Max       Scalar   `json:"max,omitempty"`        // inclusive
	MinLength int      `json:"min_length,omitempty"` // in characters; text, email, json
	MaxLength int      `json:"max_length,omitempty"` // 0: no limit but the field limit
	Pattern   string   `json:"pattern,omitempty"`    // RE2, must match the whole value; text, email
	Values    []string `json:"values,omitempty"`     // enum
	Default   Scalar   `json:"default,omitempty"`    // taken when the cell is empty or the column absent
	Format    string   `json:"format,omitempty"`     // date, timestamp: e.g. DD.MM.YYYY or MM/DD/YYYY HH:mm; empty: ISO 8601
	Timezone  string   `json:"timezone,omitempty"`   // timestamp: IANA zone for values without an offset; empty: UTC
}

// Scalar is a bound or default: written as a JSON string, number or boolean, kept as text.
type Scalar string

// UnmarshalJSON accepts a string, a number or a boolean.
func (s *Scalar) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(s))
	}
	if bytes.ContainsAny(b, "{[") {
		return fmt.Errorf("want a single value, got %s", b)
	}
	if string(b) != "null" {
		*s = Scalar(b)
	}
	return nil
}

var (
	datasetPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,47}$`)
	columnName     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// SystemColumns are names that PostgreSQL keeps for itself in every table. A dataset cannot
// use them on any engine.
var SystemColumns = []string{"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"}

// MaxColumns bounds a dataset's columns and a file's.
const MaxColumns = 1024

// Column returns the column of that name, or nil.
func (s *Spec) Column(name string) *Column {
	for i := range s.Columns {
		if s.Columns[i].Name == name {
			return &s.Columns[i]
		}
	}
	return nil
}

// IsKey reports whether the column is part of the key.
func (s *Spec) IsKey(name string) bool { return slices.Contains(s.Key, name) }

// Table returns the name of the dataset's typed table.
func (s *Spec) Table() string { return "ds_" + string(s.Name) }

// Check returns an *Error of KindInvalid that names everything wrong with the spec, or nil.
func (s *Spec) Check() error {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if !datasetPattern.MatchString(string(s.Name)) {
		fault("name %q must match %s", s.Name, datasetPattern)
	}
	if len(s.Columns) == 0 || len(s.Columns) > MaxColumns {
		fault("columns: want 1 to %d, have %d", MaxColumns, len(s.Columns))
	}
	if len(s.Key) == 0 || len(s.Key) > 4 {
		fault("key: name 1 to 4 columns that identify a record")
	}
	seen := map[string]string{}
	for i := range s.Columns {
		c := &s.Columns[i]
		for _, f := range c.faults() {
			fault("column %q: %s", c.Name, f)
		}
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			k := HeaderKey(name)
			if by, dup := seen[k]; dup && by != c.Name {
				fault("column %q: name or alias %q is also used by column %q", c.Name, name, by)
			} else if dup && name == c.Name {
				fault("column %q appears twice", c.Name)
			}
			seen[k] = c.Name
		}
	}
	for i, k := range s.Key {
		c := s.Column(k)
		switch {
		case c == nil:
			fault("key column %q is not among the columns", k)
		case c.Type == TypeJSON || c.Type == TypeFloat:
			fault("key column %q cannot be of type %s", k, c.Type)
		case slices.Index(s.Key, k) != i:
			fault("key column %q is named twice", k)
		}
	}
	if len(faults) > 0 {
		return Errorf(KindInvalid, "bad_spec", "The dataset spec is not valid: %s.", strings.Join(faults, "; "))
	}
	return nil
}

func (c *Column) faults() (out []string) {
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if !columnName.MatchString(c.Name) {
		fault("the name must match %s", columnName)
	}
	if slices.Contains(SystemColumns, c.Name) {
		fault("the name is taken by the store; use another, with %q as an alias", c.Name)
	}
	if !slices.Contains(Types, c.Type) {
		fault("type %q is not one of %v", c.Type, Types)
	}
	if (c.Min != "" || c.Max != "") && !slices.Contains([]Type{TypeInteger, TypeDecimal, TypeFloat, TypeDate, TypeTimestamp}, c.Type) {
		fault("min and max do not apply to type %s", c.Type)
	}
	if c.MinLength < 0 || c.MaxLength < 0 || (c.MaxLength > 0 && c.MinLength > c.MaxLength) {
		fault("min_length and max_length do not form a range")
	}
	if _, err := regexp.Compile(c.Pattern); err != nil {
		fault("pattern: %v", err)
	}
	if (c.Type == TypeEnum) != (len(c.Values) > 0) {
		fault("values belong to type enum, which needs at least one")
	}
	if c.Format != "" && c.Type != TypeDate && c.Type != TypeTimestamp {
		fault("format applies to date and timestamp only")
	}
	if c.Timezone != "" {
		if _, err := time.LoadLocation(c.Timezone); err != nil || c.Type != TypeTimestamp {
			fault("timezone %q is unknown or not on a timestamp", c.Timezone)
		}
	}
	return out
}

// HeaderKey folds a header name for comparison with column names and aliases:
// letters and digits in lower case, everything else dropped, so that "Length (ft)",
// "length_ft" and "LengthFT" are one.
func HeaderKey(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127 {
			b.WriteRune(r)
		}
	}
	return b.String()
}
