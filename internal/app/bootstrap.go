package app

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
	"bulkhead/internal/store"
)

// What a first start makes. The quota is generous because the machine is one's own.
const (
	firstAccount = "default"
	firstQuota   = 1_000_000_000
	loginLife    = 15 * time.Minute
)

// bootstrap makes sure that there is an operator with an account and that the
// data directory holds a working key for commands that run beside this process.
func bootstrap(ctx context.Context, st *store.Store, dataDir, url string) (bulk.AccountID, error) {
	account, _, err := st.FirstOperator(ctx)
	if bulk.KindOf(err) == bulk.KindNotFound {
		account, err = createOperator(ctx, st)
	}
	if err != nil {
		return "", err
	}
	known, err := config.ReadClient(dataDir)
	if err != nil || !keyWorks(ctx, st, known.APIKey) {
		if known.APIKey, err = createKey(ctx, st, account); err != nil {
			return "", err
		}
	}
	known.URL = url
	return account, config.WriteClient(dataDir, known)
}

func createOperator(ctx context.Context, st *store.Store) (bulk.AccountID, error) {
	a, err := st.CreateAccount(ctx, firstAccount, firstQuota, 1)
	if err != nil {
		return "", err
	}
	_, err = st.CreateUser(ctx, a.ID, "Operator", true)
	return a.ID, err
}

func keyWorks(ctx context.Context, st *store.Store, secret string) bool {
	c := bulk.Credential{Hash: bulk.HashSecret(secret)}
	found, err := st.Principals(ctx, []bulk.Credential{c})
	_, accepted := found[c]
	return err == nil && accepted
}

func createKey(ctx context.Context, st *store.Store, account bulk.AccountID) (string, error) {
	secret, _ := bulk.NewSecret()
	return secret, storeKey(ctx, st, account, secret)
}

func storeKey(ctx context.Context, st *store.Store, account bulk.AccountID, secret string) error {
	k := bulk.APIKey{ID: bulk.NewKeyID(), Account: account, Name: "first operator", Prefix: bulk.SecretPrefix(secret), Operator: true}
	return st.CreateKey(ctx, k, bulk.HashSecret(secret))
}

// loginLink makes a link that signs the first operator in once.
func loginLink(ctx context.Context, st *store.Store, url string) (string, error) {
	account, user, err := st.FirstOperator(ctx)
	if err != nil {
		return "", err
	}
	token := bulk.NewToken()
	if err := st.CreateLogin(ctx, bulk.LoginLink{Account: account, User: user, Hash: bulk.HashSecret(token), Life: loginLife}); err != nil {
		return "", err
	}
	return url + "/login/" + token, nil
}
