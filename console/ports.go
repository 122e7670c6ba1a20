package console

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

// Accounts knows who may come in. Secrets reach it as hex SHA-256 hashes only.
type Accounts interface {
	// Principals returns whom those of the credentials stand for that are accepted now.
	Principals(ctx context.Context, credentials []bulk.Credential) (map[bulk.Credential]bulk.Principal, error)
	// NoteUse writes down that the principals' keys were used just now.
	NoteUse(ctx context.Context, by []bulk.Principal) error
	// OpenSession opens a session for the holder of an API key; KindUnauthorized when
	// the key is unknown or revoked. Such a session ends with its key.
	OpenSession(ctx context.Context, keyHash, sessionHash string, life time.Duration) error
	// RedeemLogin spends a one-time login link and opens a session under sessionHash;
	// KindUnauthorized when it is spent or has expired.
	RedeemLogin(ctx context.Context, linkHash, sessionHash string, life time.Duration) error
	CloseSession(ctx context.Context, sessionHash string) error

	Account(ctx context.Context, id bulk.AccountID) (bulk.Account, error)
	Usage(ctx context.Context, id bulk.AccountID) (bulk.Usage, error)

	// For operators.
	CreateAccount(ctx context.Context, name string, quota int64, weight int) (bulk.Account, error)
	ListAccounts(ctx context.Context) ([]bulk.Account, error)
	SetQuota(ctx context.Context, id bulk.AccountID, quota int64) error
	SetWeight(ctx context.Context, id bulk.AccountID, weight int) error
	// SetCap bounds the batches in flight; nil lifts the bound, 0 pauses the account.
	SetCap(ctx context.Context, id bulk.AccountID, limit *int) error
	// CreateKey stores a key by its hash; the caller shows the secret once.
	CreateKey(ctx context.Context, k bulk.APIKey, hash string) error
	ListKeys(ctx context.Context, account bulk.AccountID) ([]bulk.APIKey, error)
	RevokeKey(ctx context.Context, account bulk.AccountID, id bulk.KeyID) error
}

// Imports is the ledger as the API shows and steers it. Every method takes the
// account of the credential; what belongs to another is KindNotFound.
type Imports interface {
	// CreateImport creates an import in state open. With a repeated idempotency key
	// it returns the first answer and replayed; a key repeated with another request
	// hash is KindUnprocessed. Unknown datasets and fields, and more open uploads
	// than maxOpen, are errors before anything is stored.
	CreateImport(ctx context.Context, n bulk.NewImport, maxOpen int) (imp bulk.Import, replayed bool, err error)
	Import(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	ListImports(ctx context.Context, account bulk.AccountID, f bulk.ImportFilter) (imports []bulk.Import, next string, err error)
	// Forget deletes an import of whose file nothing was taken in; false: something was.
	Forget(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bool, error)
	// Cancel returns the import once no further row of it can land; repeating it is harmless.
	Cancel(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	Pause(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	Resume(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	// Approve commits a dry run's staged batches.
	Approve(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Import, error)
	// Batches lists the batches of an import by number, after the given one of it (No -1 for all).
	Batches(ctx context.Context, account bulk.AccountID, after bulk.BatchID, limit int) ([]bulk.Batch, error)
	// RejectGroupPage lists causes of rejects, most frequent first, after so many.
	RejectGroupPage(ctx context.Context, account bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.RejectGroup, error)
	Receipt(ctx context.Context, account bulk.AccountID, id bulk.ImportID) (bulk.Receipt, error)
	// Silences tells for how long nothing has come of the account's unfinished uploads.
	Silences(ctx context.Context, account bulk.AccountID) (map[bulk.ImportID]time.Duration, error)
	// ImportEvents lists the milestones of an import after the given sequence number, oldest first.
	ImportEvents(ctx context.Context, account bulk.AccountID, id bulk.ImportID, in bulk.Window) ([]bulk.Event, error)
}

// Datasets are the platform's kinds of record.
type Datasets interface {
	ListDatasets(ctx context.Context) ([]bulk.Dataset, error)
	Dataset(ctx context.Context, name bulk.DatasetName) (bulk.Dataset, error)
	// ApplyDataset creates a dataset or adds columns to it. What would lose data or
	// make stored rows invalid is refused with a KindConflict error that says why.
	ApplyDataset(ctx context.Context, spec bulk.Spec) (bulk.Dataset, error)
	// Records pages through an account's live records in key order.
	Records(ctx context.Context, account bulk.AccountID, q bulk.RecordQuery) (bulk.RecordPage, error)
}

// Uploads receives files. In one process it is the ingest room itself; across
// processes the request is passed on.
type Uploads interface {
	// Receive streams a whole file into an import that is open; length is -1 when unknown.
	Receive(ctx context.Context, account bulk.AccountID, id bulk.ImportID, body bulk.Body) error
	// Preview reads the first bytes of a file the way an import would.
	Preview(ctx context.Context, sample bulk.Sample) (bulk.Preview, error)
}

// Rejects streams an import's rejected rows, in file order.
type Rejects interface {
	Each(ctx context.Context, imp bulk.Import, fn func(bulk.Reject) error) error
}

// Dispatchers tell how the queues stand. In one process they are the dispatcher itself;
// across processes all of them are asked at once.
type Dispatchers interface {
	// Queues returns how each dispatcher stands that answers within a second.
	Queues(ctx context.Context) ([]bulk.Queue, error)
	// Lag compares the accounts by what the dispatchers measured of them.
	Lag(of bulk.Measured) bulk.Lag
	// Waits returns why the imports of an account wait; one that no dispatcher knows is
	// not listed.
	Waits(ctx context.Context, account bulk.AccountID) ([]bulk.Wait, error)
}

// Nodes knows the processes of the cluster.
type Nodes interface {
	// Nodes lists those of a role ("" for all) that were seen within the time, by id.
	Nodes(ctx context.Context, role bulk.Role, within time.Duration) ([]bulk.Node, error)
}

// Health answers whether the process can do its work now.
type Health interface {
	Ready(ctx context.Context) error
}
