// Package mirror copies what imports committed, and what is known of them, to
// ClickHouse, for people who ask questions of all accounts at once.
//
//	topic bulkhead.commits ─hint─▶ Mirror ──▶ rows of the batch ──▶ ds_<dataset>
//	ledger (mirrored_at IS NULL) ─sweep─▶ │                         _log_imports, _log_batches, …
//	                              ledger ◀─mark                     views fold their versions
//
// # Guarantees
//
// Every committed batch arrives, with the effect of arriving once: the ledger knows
// which batches are not marked, and a batch is marked only after ClickHouse has
// acknowledged its rows. A batch that was inserted but not marked is inserted again;
// its rows have the same versions and fold. No import waits for ClickHouse: it may be
// away for as long as it likes. A quiet mirror equals the store; [Reconcile] compares them
// value by value and closes a gap that neither can know of, such as a disk that was restored.
// Every call to an engine ends: one that is silent for 5 s has failed, and a child that is
// stopped or hangs is killed and started again.
//
// The server acknowledges a block when it has written it, perhaps before it has synced
// it; after a power cut of the server, reconcile.
//
// # Versions
//
// A record's version is its (op_seq, row_no), as in the store: 27 bits of op_seq, 36 of
// row_no, one for a tombstone. The greatest of a key counts, in whatever order batches
// come. Tables are ReplacingMergeTree by version; views read them with FINAL, which is
// right before merges have happened. Ask the views, not the tables.
//
// # Tables of a dataset
//
// Table ds_<name>, view <name>. A dataset whose name is one of the views below, or
// begins with ds_, has the view _<name>. A column added to a dataset is added here.
//
//	_account_id  String  the tenant; first in the sorting key, so filter by it
//	<columns>            integer Int64, float Float64, boolean UInt8 (0 or 1), everything else String;
//	                     all but the key's are Nullable. decimal, date and timestamp are the canonical
//	                     text of the store (1.5, 2006-01-02, 2006-01-02T15:04:05.000000Z): exact,
//	                     and dates and timestamps sort as time. docs/analytics.md
//	                     has conversions that are exact or NULL
//	_op_seq      Int64   of the import that wrote the record last, ascending by creation in the dataset
//	_row_no      Int64   its row in that import's file, from 1, the header not counted
//	_import_id   String  that import
//	_version, _deleted   in the table alone
//
// # View imports: one row an import
//
//	account_id, import_id, dataset        whose, which, into what
//	state, mode, priority, filename       as the API shows them
//	error_code                            why it failed, or empty
//	bytes_total                           of the file as uploaded; 0 until known
//	batches_total, batches_committed, batches_quarantined
//	created_at, started_at, finished_at   UTC, of the store's clock; started: first byte
//	seconds                               first byte to end; null until then
//	paused_ms                             in all pauses that ended
//	approval_ms                           from the end of a dry run to its approval; null: not approved
//	rows_read                             = the sum of the six below, once the import has ended
//	rows_created, rows_updated            new keys; keys of earlier imports
//	rows_superseded                       a later row with the same key won
//	rows_rejected, rows_over_quota        broke a rule; no room in the quota
//	rows_unprocessed                      the import ended before them
//
// Imports are there from their creation, in any state, within seconds.
//
// # View batches: one row a batch that needs no work any more
//
//	account_id, import_id, batch_no       which; numbers from 0
//	dataset, priority                     of its import
//	state                                 committed, quarantined or dropped
//	object_bytes, file_bytes              staged, and of the file as it was read
//	failures, node                        attempts that failed; who worked on it last
//	staged_at, published_at, leased_at, committed_at
//	                                      UTC, of the store's clock; null: never; leased: for the attempt that committed it
//	total_ms                              staged to committed; null if it never was
//	attempts                              leases up to that one
//	queue_ms                              published and ready, until leased; measured, as are the others; null: it was not
//	paused_ms, backoff_ms, failed_ms      its import was paused; it was put off; attempts that did not commit it
//	read_ms, validate_ms, commit_ms       the work on it; null if it never was committed
//	rows_read … rows_unprocessed          as for imports
//
// # View queue_waits: one row a committed batch whose wait was measured
//
//	account_id, import_id, batch_no, dataset, priority, rows_read, attempts
//	wait_ms                               its queue_ms
//
// # View rejects_by_column: one row a cause of an import
//
//	account_id, import_id, dataset, created_at   of the import; a dry run has none before it is approved
//	source_column                                as the file names it; empty: the whole row
//	code, rejects                                the broken rule; rows
//
// # View accounts: one row an account
//
//	account_id, name, weight, records_used, record_quota, created_at
//
// # Old and new servers
//
// The SQL is what ClickHouse 18.16 and the current engine have in common. [Questions]
// ship with the package and are tested on both. Times are DateTime64(6), on 18.16 DateTime:
// whole seconds.
package mirror
