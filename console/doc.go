// Package console is the face of the importer: its HTTP API, the pages' handlers,
// authentication and live events. It reads the ledger and hands files on; it never
// parses one.
//
// What it guarantees:
//
//   - The account of a request is that of its credential, never of its path, query
//     or body. What belongs to another account answers 404, like what does not exist.
//   - Every failure is an RFC 9457 problem with a code and the request's id. The text
//     of an internal error stays in the log.
//   - Secrets are compared and passed on as SHA-256 only; paths that carry one are
//     logged by their pattern.
//   - An unsafe request with a browser's cookie is served only from our own origin.
//   - What requests hold while their answers are read is reserved from one memory, of
//     which an account gets a quarter at most: see answers.go. A page of a list ends at
//     its limit or at bulk.PageBytes. Nothing of the database is held meanwhile.
//   - However many streams follow an import, one watcher reads the ledger for them, and
//     none waits for another: see streams.go.
//   - Answers are streamed where they may be large (rejects.csv, NDJSON, events); one
//     that breaks off midway breaks the connection, so that nobody takes it for whole.
//
// Use: fill a [Config], call [New], serve the [Server]. The ports that it needs are in
// ports.go. Every endpoint is a line of the table in routes.go and an entry of
// openapi.json; a test holds the two together.
package console
