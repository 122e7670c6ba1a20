package main

import (
	"bytes"
	"encoding/json"
	"errors"
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
	Alone          *neighbourRun     `json:"alone"` // small imports
	NoisyNeighbour []neighbourResult `json:"noisy_neighbour"`
	Attack         []attackRun       `json:"attack"`
	Reads          *readsResult      `json:"reads"`
	Weights        *sharing          `json:"weights"`
	Caps           *capsResult       `json:"caps"`
	Sybil          *sharing          `json:"sybil"`
	Failover       *failoverResult   `json:"failover"`
}

// open reads the last record of that name, if there is one.
func open(dir, name string) (*record, error) {
	r := &record{}
	text, err := os.ReadFile(filepath.Join(dir, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	return r, json.Unmarshal(text, r)
}

func (r *record) save(b *bench) error {
	r.At, r.CPUs = time.Now().UTC().Truncate(time.Second), runtime.NumCPU()
	r.Slots, r.BatchRows, r.Accounts = b.slots, b.batchRows, b.accounts
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, b.name+".json"), append(text, '\n'), 0o644)
}

// show prints the record as tables and keeps them beside it.
func (r *record) show(o options) error {
	before := &record{}
	if o.before != o.name {
		var err error
		if before, err = open(o.out, o.before); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	tables{&text, r, before}.write()
	if _, err := os.Stdout.Write(text.Bytes()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.out, o.name+".md"), text.Bytes(), 0o644)
}
