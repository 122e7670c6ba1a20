package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// record is the benchmark as it is kept.
type record struct {
	At        time.Time `json:"at"`
	CPUs      int       `json:"cpus"`
	Slots     int       `json:"slots"`
	BatchRows int64     `json:"batch_rows"`
	Accounts  int       `json:"small_accounts"`

	Cost           cost              `json:"cost"`
	NoisyNeighbour []neighbourResult `json:"noisy_neighbour"`
	Weights        *sharing          `json:"weights"`
	Caps           *capsResult       `json:"caps"`
	Sybil          *sharing          `json:"sybil"`
	Failover       *failoverResult   `json:"failover"`
}

// open reads the last record, if there is one.
func open(dir string) (*record, error) {
	r := &record{}
	text, err := os.ReadFile(filepath.Join(dir, "fairness.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(text, r)
}

func (r *record) save(dir string, b *bench) error {
	r.At, r.CPUs = time.Now().UTC().Truncate(time.Second), runtime.NumCPU()
	r.Slots, r.BatchRows, r.Accounts = b.slots, b.batchRows, b.accounts
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "fairness.json"), append(text, '\n'), 0o644)
}

// show prints the record as tables and keeps them beside it.
func (r *record) show(dir string) error {
	var text bytes.Buffer
	tables{&text, r}.write()
	if _, err := os.Stdout.Write(text.Bytes()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "fairness.md"), text.Bytes(), 0o644)
}

// newDataset makes a dataset of its own for a run.
func (b *bench) newDataset(ctx context.Context, name string) (string, error) {
	name = fmt.Sprintf("fair_%s_%d", name, time.Now().UnixMilli())
	return name, b.operator.ask(ctx, "PUT /v1/datasets/"+name, spec, &struct{}{})
}
