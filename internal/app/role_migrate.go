package app

import (
	"context"
	"fmt"
	"io"

	"bulkhead/internal/bulk"
	"bulkhead/internal/config"
)

// RunMigrate brings the store's schema up to date and ends. In a store without an
// operator it also makes an account, an operator and a key: the one of the settings,
// or a fresh one that is printed to out, once.
func RunMigrate(out io.Writer) func(context.Context, config.RoleConfig) error {
	return func(ctx context.Context, cfg config.RoleConfig) error {
		if cfg.OperatorKey != "" && !bulk.ValidSecret(cfg.OperatorKey) {
			return bulk.Errorf(bulk.KindInvalid, "bad_config", "BULKHEAD_OPERATOR_KEY does not have the form of an API key.")
		}
		st, err := openStore(cfg)
		if err != nil {
			return err
		}
		defer st.Close()
		if err := st.Migrate(ctx); err != nil {
			return err
		}
		if _, _, err := st.FirstOperator(ctx); bulk.KindOf(err) != bulk.KindNotFound {
			return err
		}
		account, err := createOperator(ctx, st)
		if err != nil {
			return err
		}
		if cfg.OperatorKey != "" {
			return storeKey(ctx, st, account, cfg.OperatorKey)
		}
		secret, err := createKey(ctx, st, account)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "The operator's API key, shown only now: %s\n", secret)
		return err
	}
}
