package validate

import (
	"fmt"
	"strings"

	"bulkhead/internal/bulk"
)

// message says in one sentence what was found and what is expected.
func (c *column) message(code bulk.Code, found string) string {
	switch code {
	case bulk.CodeMissingKey:
		return fmt.Sprintf("%q is empty, but it is part of the key.", c.label())
	case bulk.CodeRequired:
		return fmt.Sprintf("%q is empty, but it is required.", c.label())
	case bulk.CodeDuplicateKey, bulk.CodeOverQuota, bulk.CodeUnstorable:
		return code.Sentence()
	case bulk.CodeTooPrecise:
		return fmt.Sprintf("%q is %q, which is finer than a microsecond. Round it to six digits of a second, as nothing is cut.", c.label(), found)
	default:
		return fmt.Sprintf("%q is %q, but has to be %s.", c.label(), found, c.expected(code))
	}
}

func (c *column) expected(code bulk.Code) string {
	switch code {
	case bulk.CodeLength:
		return between("text", fmt.Sprint(c.MinLength), positive(c.MaxLength), " characters")
	case bulk.CodePattern:
		return fmt.Sprintf("text that matches %s as a whole", c.Pattern)
	case bulk.CodeInvalidCharacter:
		return "text without the control character U+001F, which separates the columns of a key"
	case bulk.CodeInvalidEnum:
		return "one of " + listed(c.Values)
	case bulk.CodeOutOfRange:
		if c.Min != "" || c.Max != "" {
			return between(kinds[c.Type], string(c.Min), string(c.Max), "")
		}
		return kinds[c.Type] + limits[c.Type]
	}
	if c.Format != "" {
		return kinds[c.Type] + " written " + c.Format
	}
	return kinds[c.Type] + forms[c.Type]
}

var kinds = map[bulk.Type]string{
	bulk.TypeText: "text", bulk.TypeInteger: "a whole number", bulk.TypeDecimal: "a decimal number", bulk.TypeFloat: "a number",
	bulk.TypeBoolean: "true or false", bulk.TypeDate: "a date that exists", bulk.TypeTimestamp: "a point in time that exists",
	bulk.TypeJSON: "valid JSON", bulk.TypeEmail: "an e-mail address", bulk.TypeEnum: "one of the allowed values",
}

var forms = map[bulk.Type]string{
	bulk.TypeInteger: " of digits only", bulk.TypeDecimal: " of digits and one point", bulk.TypeBoolean: ", yes or no, 1 or 0",
	bulk.TypeDate: ", as YYYY-MM-DD", bulk.TypeTimestamp: ", as YYYY-MM-DDTHH:mm:ssZ", bulk.TypeEmail: " such as name@example.com",
}

var limits = map[bulk.Type]string{
	bulk.TypeInteger: " from -9223372036854775808 to 9223372036854775807", bulk.TypeDecimal: fmt.Sprintf(" of at most %d digits", maxDigits),
	bulk.TypeFloat: " of at most 1.8e308", bulk.TypeTimestamp: " in the years 1 to 9999 of UTC",
}

// between words a range of which either end may be open.
func between(what, low, high, unit string) string {
	switch {
	case high == "":
		return fmt.Sprintf("%s of at least %s%s", what, low, unit)
	case low == "" || low == "0" && unit != "":
		return fmt.Sprintf("%s of at most %s%s", what, high, unit)
	default:
		return fmt.Sprintf("%s from %s to %s%s", what, low, high, unit)
	}
}

func positive(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// listed joins the first few of many values.
func listed(values []string) string {
	const most = 12
	if len(values) > most {
		return strings.Join(values[:most], ", ") + ", …"
	}
	return strings.Join(values, ", ")
}
