package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// dataset is one of the benchmark, whose rows have more columns than the contacts have.
type dataset struct {
	name string
	more int
}

// wide rows have so many columns more: a batch of them takes several times as long as one
// of the others, and has not many more bytes.
const wide = 90

// contact is what every row has.
var contact = []map[string]any{
	{"name": "id", "type": "text", "required": true, "pattern": "C[0-9]{9,18}"},
	{"name": "name", "type": "text", "required": true, "max_length": 80},
	{"name": "email", "type": "email"},
	{"name": "phone", "type": "text", "pattern": `\+[0-9]{7,15}`},
	{"name": "country", "type": "enum", "values": countries},
	{"name": "city", "type": "text", "max_length": 60},
	{"name": "created_at", "type": "timestamp", "required": true},
	{"name": "balance", "type": "decimal"},
	{"name": "active", "type": "boolean"},
	{"name": "notes", "type": "text", "max_length": 500},
}

// newDataset makes a dataset, and so a table, of its own for a run.
func (b *bench) newDataset(ctx context.Context, name string, more int) (dataset, error) {
	d := dataset{fmt.Sprintf("fair_%s_%d", strings.ReplaceAll(name, " ", "_"), time.Now().UnixMilli()), more}
	spec := map[string]any{"title": "Contacts of the fairness benchmark", "key": []string{"id"}, "columns": d.columns()}
	b.made = append(b.made, d.name)
	return d, b.operator.ask(ctx, "PUT /v1/datasets/"+d.name, spec, &struct{}{})
}

// columns are all that its rows have.
func (d dataset) columns() []map[string]any {
	all := slices.Clone(contact)
	for i := range d.more {
		all = append(all, map[string]any{"name": fmt.Sprintf("m%02d", i), "type": "text", "pattern": "[a-z]{2,20}"})
	}
	return all
}

// header is the first line of its files.
func (d dataset) header() string {
	var names []string
	for _, c := range d.columns() {
		names = append(names, c["name"].(string))
	}
	return strings.Join(names, ",") + "\n"
}
