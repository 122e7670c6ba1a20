package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"bulkhead/internal/bulk"
)

type document struct {
	Paths      map[string]map[string]operation
	Components struct {
		Parameters map[string]operand
		Responses  map[string]any
		Schemas    map[string]schema
	}
}

type operation struct {
	OperationID string
	Description string
	Security    *[]any
	Responses   map[string]any
	Parameters  []operand
}

type operand struct {
	Ref  string `json:"$ref"`
	Name string
	In   string
}

// parameters returns those of an operation, the shared ones too.
func (d document) parameters(op operation) []operand {
	out := slices.Clone(op.Parameters)
	for i, p := range out {
		if p.Ref != "" {
			out[i] = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
	}
	return out
}

// query returns the names that the operation takes in its query, sorted.
func (d document) query(op operation) (names []string) {
	for _, p := range d.parameters(op) {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

type schema struct {
	Properties map[string]any
	AllOf      []schema
	Ref        string `json:"$ref"`
}

func readDocument(t *testing.T) (doc document, raw any) {
	t.Helper()
	if err := json.Unmarshal(openapi, &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(openapi, &raw); err != nil {
		t.Fatal(err)
	}
	return doc, raw
}

// The document describes the routes that there are, no more and no fewer, and who may
// call them.
func TestOpenAPIDescribesTheRoutes(t *testing.T) {
	doc, _ := readDocument(t)
	described, ids := map[string]operation{}, map[string]bool{}
	for path, ops := range doc.Paths {
		for method, op := range ops {
			described[strings.ToUpper(method)+" "+path] = op
			if op.OperationID == "" || ids[op.OperationID] || len(op.Responses) == 0 {
				t.Errorf("%s %s: operationId %q is empty or not unique, or there is no response", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	for _, rt := range newAPI(t).server.routes() {
		op, ok := described[rt.pattern]
		if !ok {
			t.Errorf("%s is not described", rt.pattern)
			continue
		}
		delete(described, rt.pattern)
		if open := op.Security != nil && len(*op.Security) == 0; open != (rt.access == public) {
			t.Errorf("%s: described as public %v", rt.pattern, open)
		}
		if said := strings.Contains(op.Description, "Operators only"); said != (rt.access == operator) {
			t.Errorf("%s: described as for operators %v", rt.pattern, said)
		}
	}
	for pattern := range described {
		t.Errorf("%s is described but does not exist", pattern)
	}
}

// States are those that there are, in their order.
func TestOpenAPIKnowsTheStates(t *testing.T) {
	var doc struct {
		Components struct {
			Schemas struct {
				State struct{ Enum []bulk.State }
				Batch struct {
					Properties struct {
						State struct{ Enum []bulk.BatchState }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(openapi, &doc); err != nil {
		t.Fatal(err)
	}
	if s := doc.Components.Schemas; !slices.Equal(s.State.Enum, bulk.States) || !slices.Equal(s.Batch.Properties.State.Enum, bulk.BatchStates) {
		t.Errorf("imports have %v, want %v; batches %v, want %v", s.State.Enum, bulk.States, s.Batch.Properties.State.Enum, bulk.BatchStates)
	}
}

// Path parameters and references are all there.
func TestOpenAPIIsConsistent(t *testing.T) {
	doc, raw := readDocument(t)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				at := raw
				for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
					m, _ := at.(map[string]any)
					at = m[part]
				}
				if at == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(raw)
	for path, ops := range doc.Paths {
		for method, op := range ops {
			have := map[string]bool{}
			for _, p := range doc.parameters(op) {
				have["{"+p.Name+"}"] = true
			}
			for part := range strings.SplitSeq(path, "/") {
				if strings.HasPrefix(part, "{") && !have[part] {
					t.Errorf("%s %s: %s is not described", method, path, part)
				}
			}
		}
	}
}

// A choice of a new import can be said in the query of POST /v1/imports, and is described.
func TestOpenAPIDescribesEveryChoice(t *testing.T) {
	doc, _ := readDocument(t)
	described := doc.query(doc.Paths["/v1/imports"]["post"])
	for _, name := range importParams {
		if !slices.Contains(described, name) {
			t.Errorf("the parameter %s is not described", name)
		}
	}
}

// What cannot read a bound from the code says the same.
func TestOpenAPIBoundsWeights(t *testing.T) {
	all := strings.Count(string(openapi), `"weight": {"type": "integer", "minimum": 1, "maximum": `)
	right := strings.Count(string(openapi), fmt.Sprintf(`"weight": {"type": "integer", "minimum": 1, "maximum": %d,`, bulk.MaxWeight))
	if all == 0 || right != all {
		t.Errorf("of %d weights %d are described as up to %d", all, right, bulk.MaxWeight)
	}
}

// Each schema has exactly the fields of the Go value that is sent or read.
func TestOpenAPISchemasAreTheGoTypes(t *testing.T) {
	doc, _ := readDocument(t)
	now, text, n := time.Now(), "x", int64(1)
	weight, offset := 1, int64(1)
	fail := &bulk.Error{Code: "c", Message: "m", Line: 1, Offset: 1}
	dialect := bulk.DialectChoice{Delimiter: ";", Quote: "'", Escape: "\\", Encoding: "utf-8", NoHeader: true}
	column := bulk.Column{Name: "a", Type: "text", Required: true, Aliases: []string{"b"}, Min: "1", Max: "2", MinLength: 1, MaxLength: 2, Pattern: "p", Values: []string{"v"}, Default: "d", Format: "f", Timezone: "UTC"}
	spec := bulk.Spec{Name: "n", Title: "t", Key: []string{"a"}, Columns: []bulk.Column{column}}
	options := bulk.Options{OnError: "skip", DryRun: true, Mapping: map[string]string{"a": "b"}, Dialect: dialect, SHA256: "s", Digests: map[string]string{"md5": "s"}}
	for name, v := range map[string]any{
		"Problem": Problem{Line: 1, Offset: &offset, Import: "i", Errors: []Fault{{}}}, "Fault": Fault{}, "Error": fail, "Counts": bulk.Counts{}, "DialectChoice": dialect, "Dialect": bulk.Dialect{}, "Layout": bulk.Layout{},
		"Options": options, "Import": bulk.Import{}, "ImportSummary": importSummary{}, "ErrorList": rejectGroupList{}, "CreatedImport": created{}, "NewImport": newImport{}, "ImportList": importList{},
		"Batch": bulk.Batch{Error: "e", Node: "n", CommittedAt: &now}, "BatchList": batchList{}, "Cluster": bulk.RejectGroup{}, "Usage": bulk.Usage{}, "Receipt": bulk.Receipt{},
		"Milestone": bulk.Event{}, "Preview": bulk.Preview{}, "Column": column, "Spec": spec, "Dataset": bulk.Dataset{Spec: spec}, "Limits": bulk.Limits{},
		"Account": bulk.Account{}, "NewAccount": newAccount{Name: text, RecordQuota: &n, Weight: &weight}, "AccountChange": accountChange{RecordQuota: &n, Weight: &weight},
		"ImportStatus": importStatus{}, "Wait": bulk.Wait{}, "Fairness": bulk.Fairness{}, "SlotCounts": bulk.SlotCounts{}, "AccountShare": bulk.AccountShare{}, "Lag": bulk.Lag{}, "LagMinute": bulk.LagMinute{}, "Pair": bulk.Pair{}, "Served": bulk.Served{Name: text, UnsettledMS: 1}, "Calibration": bulk.Calibration{},
		"DispatcherState": bulk.DispatcherState{}, "ClusterState": clusterView{}, "Member": bulk.Member{}, "Key": bulk.APIKey{},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(b, &fields); err != nil {
			t.Fatal(err)
		}
		want := doc.properties(doc.Components.Schemas[name])
		got := slices.Sorted(maps.Keys(fields))
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n  Go      %v\n  OpenAPI %v", name, got, want)
		}
	}
}

// properties lists the names of a schema and of those that it is composed of.
func (d document) properties(s schema) []string {
	names := slices.Collect(maps.Keys(s.Properties))
	for _, part := range s.AllOf {
		if part.Ref != "" {
			part = d.Components.Schemas[strings.TrimPrefix(part.Ref, "#/components/schemas/")]
		}
		names = append(names, d.properties(part)...)
	}
	slices.Sort(names)
	return names
}
