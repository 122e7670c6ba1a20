package bulk

import "fmt"

// Code says why a row was rejected. The list is closed.
type Code string

// The reject codes. The first group is found by the reader, the second by
// validation, the third only by the commit transaction.
const (
	CodeColumnCount      Code = "column_count"
	CodeBadQuote         Code = "bad_quote"
	CodeInvalidEncoding  Code = "invalid_encoding"
	CodeInvalidCharacter Code = "invalid_character"
	CodeFieldTooLarge    Code = "field_too_large"

	CodeMissingKey       Code = "missing_key"
	CodeRequired         Code = "required"
	CodeInvalidInteger   Code = "invalid_integer"
	CodeInvalidDecimal   Code = "invalid_decimal"
	CodeInvalidFloat     Code = "invalid_float"
	CodeInvalidBoolean   Code = "invalid_boolean"
	CodeInvalidDate      Code = "invalid_date"
	CodeInvalidTimestamp Code = "invalid_timestamp"
	CodeInvalidJSON      Code = "invalid_json"
	CodeInvalidEmail     Code = "invalid_email"
	CodeInvalidEnum      Code = "invalid_enum"
	CodeOutOfRange       Code = "out_of_range"
	CodeLength           Code = "length"
	CodePattern          Code = "pattern"
	CodeTooPrecise       Code = "too_precise"
	CodeKeyTooLarge      Code = "key_too_large"
	CodeRowTooLarge      Code = "row_too_large"

	CodeDuplicateKey Code = "duplicate_key"
	CodeOverQuota    Code = "over_quota"
	CodeUnstorable   Code = "unstorable"
)

// sentences tell a person what each code asks of them.
var sentences = map[Code]string{
	CodeColumnCount:      "The row has more or fewer cells than the header. Check for missing or extra delimiters, or quote a cell that contains one.",
	CodeBadQuote:         "A quote stands where none may stand. Put the whole cell in quotes and double every quote inside it.",
	CodeInvalidEncoding:  "The row has bytes that are not valid in the file's encoding. Save the file as UTF-8, or choose its encoding when importing.",
	CodeInvalidCharacter: "The row contains a NUL byte. Remove it.",
	CodeFieldTooLarge:    "A cell is larger than the limit. Shorten it.",
	CodeMissingKey:       "The key is empty. Every row needs one.",
	CodeRequired:         "A required value is empty. Fill it in.",
	CodeInvalidInteger:   "The value is not a whole number. Use digits only, with an optional sign.",
	CodeInvalidDecimal:   "The value is not a decimal number. Use digits and one point, no thousands separators.",
	CodeInvalidFloat:     "The value is not a number.",
	CodeInvalidBoolean:   "The value is not a yes or no. Use true, false, yes, no, 1 or 0.",
	CodeInvalidDate:      "The value is not a date that exists. Write it as YYYY-MM-DD.",
	CodeInvalidTimestamp: "The value is not a point in time that exists. Write it as 2006-01-02T15:04:05Z, with an offset.",
	CodeInvalidJSON:      "The value is not valid JSON.",
	CodeInvalidEmail:     "The value is not an e-mail address.",
	CodeInvalidEnum:      "The value is not one of the allowed values.",
	CodeOutOfRange:       "The value is outside the allowed range.",
	CodeLength:           "The value is too short or too long.",
	CodePattern:          "The value does not have the required form.",
	CodeTooPrecise:       "The value has a fraction of a second finer than a microsecond, and nothing is cut. Round it to six digits.",
	CodeKeyTooLarge:      fmt.Sprintf("The key is longer than %d bytes. Shorten it, or choose a shorter column as the key.", MaxKeyBytes),
	CodeRowTooLarge:      "The row has more values than a record can hold. Leave some out, or spread them over two datasets.",
	CodeDuplicateKey:     "A record with this key exists already. Import with mode upsert to update it.",
	CodeOverQuota:        "The account's record quota is used up. Have the quota raised, then import the rejected rows again.",
	CodeUnstorable:       "The store cannot hold the record that this row makes together with the values that it has. Leave some out, or spread them over two datasets.",
}

// Sentence tells a person what to do about the code.
func (c Code) Sentence() string { return sentences[c] }

// Valid reports whether c is on the list.
func (c Code) Valid() bool { _, ok := sentences[c]; return ok }

// Codes of refused files and requests, as they stand in [Error.Code].
const (
	ErrEmptyFile          = "empty_file"
	ErrBadHeader          = "bad_header"
	ErrUnterminatedQuote  = "unterminated_quote"
	ErrRecordTooLarge     = "record_too_large"
	ErrTruncatedArchive   = "truncated_archive"
	ErrDecompressionLimit = "decompression_limit"
	ErrNotCSV             = "not_csv"
	ErrDigestMismatch     = "digest_mismatch"
	ErrUnknownDataset     = "unknown_dataset"
	ErrUnknownField       = "unknown_field"
	ErrUnmappedRequired   = "unmapped_required"
	ErrTooManyRejects     = "too_many_rejects"
	ErrQuarantined        = "quarantined"
	ErrUploadExpired      = "upload_expired"
)
