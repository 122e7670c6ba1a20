// Package cli is the command line of Bulkhead: `bulkhead import`, `bulkhead
// datasets` and all the others.
//
// A command is a struct whose fields are its flags (kong) and whose Run does the
// work; the struct named [grammar] lists them all. Commands that need a server are
// clients of its HTTP API and nothing more: they find it by the data directory of a
// running `bulkhead dev`, or by BULKHEAD_URL and BULKHEAD_API_KEY. Commands on files
// (csv, datasets infer, generate) need no server and use the importer's own reader.
//
// Data goes to stdout, everything meant for people's eyes only to stderr; a
// progress bar appears only on a terminal. With --json, stdout is one JSON object a
// line. The exit codes are listed once, in exit.go. No command prompts.
//
// An upload survives lost connections and server restarts: it asks for the offset
// that the server has made durable and goes on from there, with exponential
// back-off, for as long as there is progress.
package cli
