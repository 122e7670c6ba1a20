package bulk

import "time"

// Account is a tenant with its share of the cluster and its room in the store.
type Account struct {
	ID          AccountID `json:"id" db:"id"`
	Name        string    `json:"name" db:"name"`
	Weight      int       `json:"weight" db:"weight"` // 1 to MaxWeight, share of slot time
	Cap         *int      `json:"cap" db:"slot_cap"`  // most batches in flight, 0 to MaxCap; null: no bound, 0: paused
	RecordQuota int64     `json:"record_quota" db:"record_quota"`
	RecordsUsed int64     `json:"records_used" db:"records_used"`
	CreatedAt   time.Time `json:"created_at" db:"created_at"`
}

// MaxWeight is the greatest weight of an account; the least is 1.
const MaxWeight = 16

// CheckWeight returns a KindInvalid error about a weight that no account may have.
func CheckWeight(weight int) error {
	if weight < 1 || weight > MaxWeight {
		return Errorf(KindInvalid, "bad_weight", "weight must be from 1 to %d.", MaxWeight)
	}
	return nil
}

// MaxCap bounds an account's cap.
const MaxCap = 100_000

// Principal is who a request comes from. The account is never taken from anywhere else.
type Principal struct {
	Account  AccountID
	Operator bool   // may define datasets, see the cluster, manage accounts
	Name     string // of the key or person, for the page header and audit
	User     UserID // "" for an API key
	Key      KeyID  // "" for a login link
}

// Credential is what a request proves with who it comes from.
type Credential struct {
	Hash    string // of the API key or the session's token, see [HashSecret]
	Session bool   // of a browser; else it is an API key
}

// APIKey is a credential as lists show it: without its secret.
type APIKey struct {
	ID         KeyID      `json:"id" db:"id"`
	Account    AccountID  `json:"account_id" db:"account_id"`
	Name       string     `json:"name" db:"name"`
	Prefix     string     `json:"prefix" db:"prefix"` // first characters of the secret, to tell keys apart
	Operator   bool       `json:"operator" db:"operator"`
	CreatedAt  time.Time  `json:"created_at" db:"created_at"`
	RevokedAt  *time.Time `json:"revoked_at" db:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at" db:"last_used_at"`
}

// LoginLink signs a person in, once.
type LoginLink struct {
	Account AccountID
	User    UserID
	Hash    string        // of the secret in it
	Life    time.Duration // until it expires
}
