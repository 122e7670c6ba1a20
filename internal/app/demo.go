package app

import (
	"context"
	"os"
	"path/filepath"

	"bulkhead/internal/bulk"
	"bulkhead/internal/sample"
)

// demoFile is what --demo imports; its name says what is in it.
const demoFile = "contacts-10000.csv"

// runDemo makes a sample file below the data directory and imports it the way an
// upload would be. Repeating it updates the same records.
func (d *Dev) runDemo(ctx context.Context) error {
	if err := d.importDemo(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("the demo import failed", "error", err)
	}
	return nil
}

func (d *Dev) importDemo(ctx context.Context) error {
	path := filepath.Join(d.dataDir, demoFile)
	if err := writeDemo(path); err != nil {
		return err
	}
	spec := sample.Spec()
	if _, err := d.store.ApplyDataset(ctx, spec); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	imp, _, err := d.store.CreateImport(ctx, bulk.NewImport{
		Account: d.account, Dataset: spec.Name, Mode: bulk.ModeUpsert, Priority: bulk.PriorityNormal, Filename: demoFile, Size: info.Size(),
	}, d.limits.OpenUploads)
	if err != nil {
		return err
	}
	return d.uploads.Receive(ctx, d.account, imp.ID, bulk.Body{Reader: f, Length: info.Size()})
}

func writeDemo(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := sample.Contacts(f, sample.Options{Rows: 10_000, RejectRate: 0.02, DuplicateRate: 0.01}); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
