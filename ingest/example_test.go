package ingest_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"bulkhead/ingest"
	"bulkhead/internal/bulk"
	"bulkhead/internal/objects"
	"bulkhead/internal/store"
)

// A file goes into an import: its rows are staged, and nothing of it is committed here.
func Example() {
	if err := receive(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// processing 2 rows read, 1 batch staged
}

func receive(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "ingest")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ledger, err := store.New(store.Config{URL: "sqlite:" + dir + "/store.db"})
	if err != nil {
		return err
	}
	defer ledger.Close()
	if err := ledger.Migrate(ctx); err != nil {
		return err
	}
	folder, err := objects.OpenFolder(dir + "/objects")
	if err != nil {
		return err
	}
	defer folder.Close()
	account, err := ledger.CreateAccount(ctx, "Ann's shop", 1000, 1)
	if err != nil {
		return err
	}
	if _, err := ledger.ApplyDataset(ctx, things); err != nil {
		return err
	}
	imp, _, err := ledger.CreateImport(ctx, bulk.NewImport{
		Account: account.ID, Dataset: things.Name, Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: "things.csv", Size: -1,
	}, 10)
	if err != nil {
		return err
	}
	uploads, err := ingest.New(ingest.Config{
		Ledger: ledger, Objects: folder, Notifier: silent{}, Limits: bulk.DefaultLimits(),
		Principal: func(context.Context) (bulk.Principal, bool) { return bulk.Principal{Account: account.ID}, true },
	})
	if err != nil {
		return err
	}
	if err := uploads.Receive(ctx, account.ID, imp.ID, bulk.Body{Reader: strings.NewReader("id,name,size\n1,ball,7\n2,cube,9\n"), Length: -1}); err != nil {
		return err
	}
	imp, err = ledger.Import(ctx, account.ID, imp.ID)
	fmt.Println(imp.State, imp.Rows.Read, "rows read,", imp.Batches.Staged, "batch staged")
	return err
}

// silent is a notifier of nobody: the relay's sweep finds what was staged.
type silent struct{}

func (silent) Staged() {}
