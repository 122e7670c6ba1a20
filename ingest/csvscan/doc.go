// Package csvscan reads CSV as people and programs really write it.
//
// It exists because a reader that gives up at the first bad cell, rewrites what
// stands inside quotes, or follows an unclosed quote to the end of memory cannot
// carry an import in which no row may be lost or quietly changed.
//
// # What is read
//
// RFC 4180 with any ASCII delimiter and quote. A record ends at LF, CRLF or a lone
// CR, mixed as they come; inside quotes all of them are kept byte for byte. A quote
// inside a quoted cell is doubled, or preceded by the escape character where the
// dialect has one. Nothing is trimmed. Blank lines are skipped and counted, except
// in a file of one column, where they are an empty value. A byte order mark at
// offset 0 and, where the dialect says so, a first line "sep=;" are no data.
//
// # What goes wrong
//
// A record that breaks a rule comes out with a [bulk.Code], its text and a detail,
// and reading goes on: after a misplaced quote at the next line ending behind it.
// Only three things end a file, each a *[bulk.Error] that names line and byte: a
// quote that is never closed, a record beyond the limit, and a bad header.
//
// # Guarantees
//
//   - The records are the same however the bytes are cut, into reads and into
//     scanners: a [Config] with Partial set holds back the record that the end of
//     its reader cuts, and a later scanner that starts at [Scanner.Offset] and
//     [Scanner.Line] with [Scanner.Tail] and the bytes after it goes on as if there
//     had been no cut. A rune, a CRLF, a doubled quote or a byte order mark may be
//     cut through.
//   - Records tile the file: blank lines, the byte order mark and a sep= line apart,
//     each begins where the one before it ended.
//   - Memory is bounded by the record limit, whatever the file.
//   - The package is pure: no goroutine, no clock, no I/O but the reads and writes of
//     what it is given.
//
// # Use
//
// [Sniff] finds the dialect in a file's first bytes, [Decode] makes UTF-8 of other
// encodings, a [Scanner] yields the records, the first of which is the header unless
// the dialect has none, and [Header] checks it.
//
//	dialect, err := csvscan.Sniff(sample, false, bulk.DialectChoice{})
//	s := csvscan.New(csvscan.Decode(r, dialect), csvscan.Config{Dialect: dialect})
//	first, err := s.Next()
//	names, err := csvscan.Header(first, dialect, limits)
//	for {
//		rec, err := s.Next() // io.EOF at the end
//	}
//
// # rejects.csv
//
// [RejectWriter] exports rejected rows in the dialect of their file, so that the
// export can be corrected and imported again: the original cells, then
// [bulk.RejectColumns]. A cell that a spreadsheet would run as a formula has one '
// put before it ([EscapeFormula]), unless the export is raw, which it says by a last
// column [bulk.RawColumn] that holds its own name in every row. A record that cannot
// be split is written as it stood. A scanner whose dialect says Rejects undoes all of
// this and yields the original records.
package csvscan
