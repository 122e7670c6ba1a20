// Package ingest turns uploaded bytes into staged batches.
//
// A file arrives in one request or in many. Its bytes pass through once:
//
//	body ─▶ resumeBuffer ─▶ csvscan ─▶ batcher ─▶ columnar ─┤stager├─▶ object, then ledger
//	        keeps the bytes since            rows of one       one goroutine an upload,
//	        the last boundary                batch             in order, one batch ahead
//
// A batch closes at a bound of rows or bytes. The stager writes its object under a
// fresh key and then takes one step in the ledger, which acknowledges the bytes,
// so memory does not follow the file and nothing is acknowledged that is not durable.
//
// # Resuming
//
// The ledger's position is a batch boundary plus a tail: the bytes after it that are
// acknowledged but not staged. What a request ends with is kept as the tail when it is
// small, and otherwise as a batch with the record that the cut broke as the tail. The
// next request reads the tail again before its own bytes, so the rows are the same
// wherever a file was cut. A file's first bytes are looked at only when 64 KiB of them,
// or all, are there, so that the guess about its dialect is the same too.
//
// A compressed file and one that is not UTF-8 cannot be entered in its middle. Its
// bytes are stored as parts first, and a decoder (see [Uploads.Run]) makes batches of
// them once all are there. Byte positions then count decoded bytes.
//
// # Guarantees
//
//   - Batches tile the file: the first begins at 0, header included, the last ends at
//     its length, each begins where the one before it ended. One that covers nothing
//     but blank lines has no row.
//   - An acknowledged offset never goes back, and of several writers of an upload only
//     the latest gets anything acknowledged.
//   - Bytes in flight stay under Config.Memory: whatever reads a file reserves what it can
//     need at most before it reads a byte, and is told to come again when that is not
//     there. An account gets at most half, and less while others want some.
//   - Scanning, decoding and encoding need a permit. An account gets as much time as
//     another, however many uploads it has; and nobody waits for another's client.
//   - The file's SHA-256 runs along and is compared before the upload is sealed.
//
// # Use
//
//	uploads, err := ingest.New(ingest.Config{Ledger: store, Objects: folder, …})
//	go uploads.Run(ctx)
//	mux.Handle("/v1/imports/{id}/content", uploads.Content())
//	err = uploads.Receive(ctx, account, id, bulk.Body{Reader: body, Length: -1})
package ingest
