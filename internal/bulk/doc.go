// Package bulk is the language of the importer: the identifiers, nouns, states,
// error kinds and the dataset specification that every other room shares.
//
// It holds no behaviour beyond what keeps those values well formed, imports the
// standard library only, and does no I/O. A type lives here when two rooms that
// may not import each other both need it.
package bulk
