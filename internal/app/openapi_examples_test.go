package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// described is as much of the API's description as examples need.
type described struct {
	Paths      map[string]map[string]describedOperation
	Components struct {
		Parameters map[string]describedParameter
		Schemas    map[string]struct{ Example any }
	}
}

type describedOperation struct {
	Parameters  []describedParameter
	RequestBody struct {
		Content map[string]struct {
			Example any
			Schema  struct {
				Ref string `json:"$ref"`
			}
		}
	}
}

type describedParameter struct {
	Ref, Name, In string
	Example       any
}

// UnmarshalJSON reads a parameter, or where it is described.
func (p *describedParameter) UnmarshalJSON(b []byte) error {
	var v struct {
		Ref      string `json:"$ref"`
		Name, In string
		Example  any
	}
	err := json.Unmarshal(b, &v)
	*p = describedParameter(v)
	return err
}

// example returns a body of the operation, as it is sent; "" when it has none of the type.
func (d described) example(op describedOperation, mediaType string) string {
	content := op.RequestBody.Content[mediaType]
	example := content.Example
	if example == nil {
		example = d.Components.Schemas[strings.TrimPrefix(content.Schema.Ref, "#/components/schemas/")].Example
	}
	if text, ok := example.(string); ok || example == nil {
		return text
	}
	data, _ := json.Marshal(example)
	return string(data)
}

// query lists the examples of the operation's parameters, each alone.
func (d described) query(op describedOperation) (all []url.Values) {
	for _, p := range op.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[strings.TrimPrefix(p.Ref, "#/components/parameters/")]
		}
		if p.In != "query" || p.Example == nil {
			continue
		}
		value := fmt.Sprint(p.Example)
		if list, ok := p.Example.([]any); ok {
			value = fmt.Sprint(list...)
		}
		all = append(all, url.Values{p.Name: {value}})
	}
	return all
}

// Every example of a body or a parameter is accepted by a server, in the order in which a
// newcomer would try them.
func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var d described
	s.get("/openapi.json", &d)
	sent := 0
	send := func(method, path, at, mediaType string, query url.Values) (out struct{ ID string }) {
		t.Helper()
		op := d.Paths[path][strings.ToLower(method)]
		body := d.example(op, mediaType)
		if body == "" {
			t.Fatalf("%s %s has no example of %s", method, path, mediaType)
		}
		a, err := s.ask(method, at+"?"+query.Encode(), strings.NewReader(body), http.Header{"Content-Type": {mediaType}})
		s.must(err)
		if p := s.decode(a, &out); p != nil {
			t.Errorf("%s %s?%s with %s: %+v", method, at, query.Encode(), body, p)
		}
		sent++
		return out
	}
	const jsonType, csvType = "application/json", "text/csv"
	people := url.Values{"dataset": {fmt.Sprint(d.Components.Schemas["DatasetName"].Example)}}
	send(http.MethodPut, "/v1/datasets/{name}", "/v1/datasets/"+people.Get("dataset"), jsonType, nil)
	send(http.MethodPost, "/v1/imports", "/v1/imports", jsonType, nil)
	imp := send(http.MethodPost, "/v1/imports", "/v1/imports", csvType, people)
	s.wantEnd(s.end(bulk.ImportID(imp.ID)), bulk.StateCompleted, bulk.Counts{Read: 2, Created: 2})
	send(http.MethodPost, "/v1/preview", "/v1/preview", csvType, people)
	for _, path := range []string{"/v1/imports", "/v1/preview"} {
		for _, query := range d.query(d.Paths[path]["post"]) {
			if query.Has("map") { // names a header that the example's file does not have
				continue
			}
			query.Set("dataset", people.Get("dataset"))
			send(http.MethodPost, path, path, csvType, query)
		}
	}
	account := send(http.MethodPost, "/v1/accounts", "/v1/accounts", jsonType, nil)
	send(http.MethodPatch, "/v1/accounts/{id}", "/v1/accounts/"+account.ID, jsonType, nil)
	send(http.MethodPost, "/v1/accounts/{id}/keys", "/v1/accounts/"+account.ID+"/keys", jsonType, nil)
	for path, ops := range d.Paths {
		for method, op := range ops {
			if _, takes := op.RequestBody.Content[jsonType]; takes && d.example(op, jsonType) == "" {
				t.Errorf("%s %s has no example", method, path)
			}
		}
	}
	t.Logf("%d examples were accepted", sent)
}
