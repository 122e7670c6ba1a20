package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// ApplyDataset creates a dataset with its typed table, or adds columns to it.
// Rules may change and hold from the next import on; a column that would go, or a
// type or key that would change, is refused because stored records would be lost.
func (s *Store) ApplyDataset(ctx context.Context, spec bulk.Spec) (d bulk.Dataset, err error) {
	if err := spec.Check(); err != nil {
		return d, err
	}
	err = s.makeOnce(ctx, "apply dataset", func(tx *txn) error {
		var locked []string
		if err := tx.SelectContext(ctx, &locked, `SELECT name FROM datasets WHERE name = ?`+tx.lock, spec.Name); err != nil {
			return err
		}
		d, err = dataset(ctx, tx, spec.Name)
		switch {
		case bulk.KindOf(err) == bulk.KindNotFound:
			d, err = s.createDataset(ctx, tx, spec)
		case err == nil:
			d, err = s.changeDataset(ctx, tx, d, spec)
		}
		return err
	})
	return d, err
}

func (s *Store) createDataset(ctx context.Context, tx *txn, spec bulk.Spec) (bulk.Dataset, error) {
	d := bulk.Dataset{Spec: spec, Version: 1, CreatedAt: now(), UpdatedAt: now()}
	if _, err := tx.ExecContext(ctx, `INSERT INTO datasets (name, version, created_at, updated_at) VALUES (?, 1, ?, ?)`,
		spec.Name, d.CreatedAt, d.UpdatedAt); err != nil {
		return d, err
	}
	if err := saveSpec(ctx, tx, spec, 1); err != nil {
		return d, err
	}
	defs := []string{"_account_id " + s.engine.columnType(bulk.TypeText) + " NOT NULL"}
	for _, c := range spec.Columns {
		def := s.columnDef(c)
		if spec.IsKey(c.Name) {
			def += " NOT NULL"
		}
		defs = append(defs, def)
	}
	defs = append(defs, `_op_seq BIGINT NOT NULL`, `_row_no BIGINT NOT NULL`, fmt.Sprintf(`PRIMARY KEY (_account_id, %s)`, quoted(spec.Key)))
	create := fmt.Sprintf(`CREATE TABLE %q (%s) %s`, spec.Table(), strings.Join(defs, ", "), s.engine.tableOptions())
	for _, statement := range append([]string{create}, s.engine.afterTable(spec.Table())...) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (s *Store) changeDataset(ctx context.Context, tx *txn, d bulk.Dataset, spec bulk.Spec) (bulk.Dataset, error) {
	if sameSpec(d.Spec, spec) {
		return d, nil
	}
	if err := losesData(d.Spec, spec); err != nil {
		return d, err
	}
	for _, c := range spec.Columns {
		if d.Column(c.Name) != nil {
			continue
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(`ALTER TABLE %q ADD COLUMN %s`, spec.Table(), s.columnDef(c))); err != nil {
			return d, err
		}
	}
	d.Spec, d.Version, d.UpdatedAt = spec, d.Version+1, now()
	if err := saveSpec(ctx, tx, spec, d.Version); err != nil {
		return d, err
	}
	_, err := tx.ExecContext(ctx, `UPDATE datasets SET version = ?, updated_at = ? WHERE name = ?`, d.Version, d.UpdatedAt, spec.Name)
	return d, err
}

// losesData names every part of the change that stored records would not survive.
func losesData(was, is bulk.Spec) error {
	var why []string
	for _, c := range was.Columns {
		switch n := is.Column(c.Name); {
		case n == nil:
			why = append(why, fmt.Sprintf("column %q would be dropped with its values", c.Name))
		case n.Type != c.Type:
			why = append(why, fmt.Sprintf("column %q would change from %s to %s", c.Name, c.Type, n.Type))
		}
	}
	if !slices.Equal(was.Key, is.Key) {
		why = append(why, fmt.Sprintf("the key would change from %v to %v", was.Key, is.Key))
	}
	if len(why) == 0 {
		return nil
	}
	return bulk.Errorf(bulk.KindConflict, "would_lose_data",
		"Dataset %q was not changed: %s. Add columns instead, or apply the spec under a new name.", is.Name, strings.Join(why, "; "))
}

// columnDef renders a column for CREATE and ALTER TABLE.
func (s *Store) columnDef(c bulk.Column) string {
	return fmt.Sprintf("%q %s", c.Name, s.engine.columnType(c.Type))
}

// quoted renders column names as identifiers; [bulk.Spec.Check] allows no quote in them.
func quoted(columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = `"` + c + `"`
	}
	return strings.Join(out, ", ")
}

func sameSpec(a, b bulk.Spec) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func saveSpec(ctx context.Context, tx *txn, spec bulk.Spec, version int64) error {
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO dataset_specs (name, version, spec) VALUES (?, ?, ?)`, spec.Name, version, string(text))
	return err
}

const selectDatasets = `
	SELECT d.version, d.created_at, d.updated_at, s.spec
	FROM datasets d JOIN dataset_specs s ON s.name = d.name AND s.version = d.version`

type datasetRow struct {
	Version   int64     `db:"version"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
	Spec      string    `db:"spec"`
}

func (r datasetRow) dataset() (d bulk.Dataset, err error) {
	d = bulk.Dataset{Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	return d, json.Unmarshal([]byte(r.Spec), &d.Spec)
}

func dataset(ctx context.Context, q querier, name bulk.DatasetName) (d bulk.Dataset, err error) {
	var r datasetRow
	if err := q.GetContext(ctx, &r, selectDatasets+` WHERE d.name = ?`, name); err != nil {
		return d, noRows(err, "dataset")
	}
	return r.dataset()
}

// Dataset reads one dataset with its newest spec.
func (s *Store) Dataset(ctx context.Context, name bulk.DatasetName) (bulk.Dataset, error) {
	d, err := dataset(ctx, s.read, name)
	return d, s.error("read dataset", err)
}

// ListDatasets lists every dataset by name.
func (s *Store) ListDatasets(ctx context.Context) ([]bulk.Dataset, error) {
	var rows []datasetRow
	if err := s.read.SelectContext(ctx, &rows, selectDatasets+` ORDER BY `+s.engine.bytewise("d.name")); err != nil {
		return nil, s.error("list datasets", err)
	}
	out := make([]bulk.Dataset, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.dataset(); err != nil {
			return nil, s.error("list datasets", err)
		}
	}
	return out, nil
}

// spec reads one version of a spec, which never changes once stored.
func (s *Store) spec(ctx context.Context, q querier, name bulk.DatasetName, version int64) (spec bulk.Spec, err error) {
	key := specVersion{name, version}
	s.mu.Lock()
	spec, ok := s.specs[key]
	s.mu.Unlock()
	if ok {
		return spec, nil
	}
	var text string
	if err := q.GetContext(ctx, &text, `SELECT spec FROM dataset_specs WHERE name = ? AND version = ?`, name, version); err != nil {
		return spec, err
	}
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return spec, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.specs) >= mostRemembered {
		clear(s.specs)
	}
	s.specs[key] = spec
	return spec, nil
}

// unknownDataset is what an import into a dataset that does not exist gets.
func unknownDataset(err error, name bulk.DatasetName) error {
	if errors.Is(err, sql.ErrNoRows) || bulk.KindOf(err) == bulk.KindNotFound {
		return bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnknownDataset, "There is no dataset %q. Check the name against the list of datasets, or have it created first.", name)
	}
	return err
}
