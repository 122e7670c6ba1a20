// Package remote lets a console hand uploads to ingest processes: the console knows
// who a request comes from, the ingest process reads the file.
//
//	/v1/imports/{id}/content                    uploads in pieces, passed on as they are
//	POST       /cluster/uploads/{id}?length=N   body: the file
//	POST       /cluster/preview                 JSON
//
// Calls carry the cluster secret and the account. All requests of one import go to
// the same process as long as it lives (rendezvous hashing), so that a client that
// reconnects meets the writer it had before; where it does not, the ledger's epochs
// keep two writers apart.
package remote
