package csvscan

import (
	"bytes"

	"bulkhead/internal/bulk"
)

// Magic returns the compression that the file's first bytes show: "gzip", "zstd" or "".
func Magic(sample []byte) string {
	switch {
	case bytes.HasPrefix(sample, []byte("\x1F\x8B")):
		return "gzip"
	case bytes.HasPrefix(sample, []byte("\x28\xB5\x2F\xFD")):
		return "zstd"
	}
	return ""
}

// magics are the first bytes of files that people take for CSV.
var magics = []struct{ prefix, what string }{
	{"PK\x05\x06", "an empty ZIP archive"},
	{"%PDF-", "a PDF document"},
	{"PAR1", "a Parquet file"},
	{"\x89PNG\r\n\x1A\n", "a PNG image"},
	{"\xFF\xD8\xFF", "a JPEG image"},
	{"GIF8", "a GIF image"},
	{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an old Excel or Word file (XLS, DOC)"},
	{"\x1F\x8B", "a gzip archive"},
	{"\x28\xB5\x2F\xFD", "a zstd archive"},
	{"BZh", "a bzip2 archive"},
	{"\xFD7zXZ\x00", "an XZ archive"},
	{"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"ARROW1", "an Arrow file"},
	{"Obj\x01", "an Avro file"},
	{"{\\rtf", "an RTF document"},
}

// markup are the beginnings of text that is no table, in lower case, spaces before it left out.
var markup = []struct{ prefix, what string }{
	{"<!doctype html", "an HTML page"},
	{"<html", "an HTML page"},
	{"<head", "an HTML page"},
	{"<table", "an HTML table"},
	{"<?xml", "an XML document"},
}

// foreign says what the file is if it is surely not CSV, or "".
func foreign(sample []byte) string {
	if bytes.HasPrefix(sample, []byte("PK\x03\x04")) {
		if bytes.Contains(sample, []byte("xl/")) || bytes.Contains(sample, []byte("[Content_Types].xml")) {
			return "an Excel workbook (XLSX)"
		}
		return "a ZIP archive"
	}
	for _, m := range magics {
		if bytes.HasPrefix(sample, []byte(m.prefix)) {
			return m.what
		}
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(sample, byteOrderMark), " \t\r\n")
	start = bytes.ToLower(start[:min(len(start), 32)])
	for _, m := range markup {
		if bytes.HasPrefix(start, []byte(m.prefix)) {
			return m.what
		}
	}
	return ""
}

// unprintable reports whether text has more control characters than a damaged file would.
func unprintable(text []byte) bool {
	controls := 0
	for _, c := range text {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' {
			controls++
		}
	}
	return controls > 8 && controls*5 > len(text)
}

func notCSV(what string) error {
	return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrNotCSV, "This is %s, not a CSV file. Export the table as CSV and upload that.", what)
}
