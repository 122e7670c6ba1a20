package console

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// call is a request to a route, with what its path leaves open filled in.
func (a *api) call(rt route, query string) *httptest.ResponseRecorder {
	method, path, _ := strings.Cut(rt.pattern, " ")
	id := string(bulk.NewImportID())
	if strings.HasPrefix(path, "/v1/accounts") {
		id = string(a.aliceID)
	}
	path = strings.NewReplacer("{id}", id, "{name}", "contacts", "{key}", string(bulk.NewKeyID())).Replace(path)
	return a.do(a.olga, method, path+query, "", "Content-Type", "text/csv")
}

// Each route refuses what it does not know, what is empty, what is given twice and what
// cannot be decoded; and what it knows is what is described.
func TestEachRouteKnowsItsParameters(t *testing.T) {
	a := newAPI(t)
	doc, _ := readDocument(t)
	for _, rt := range a.server.routes() {
		method, path, _ := strings.Cut(rt.pattern, " ")
		described := doc.query(doc.Paths[path][strings.ToLower(method)])
		if known := slices.Sorted(slices.Values(rt.query)); !slices.Equal(known, described) {
			t.Errorf("%s takes %v, described are %v", rt.pattern, known, described)
		}
		if method == "HEAD" {
			if rec := a.call(rt, "?nonsense=1"); rec.Code != 400 {
				t.Errorf("%s: an unknown parameter is answered with %d", rt.pattern, rec.Code)
			}
			continue
		}
		wantProblem(t, a.call(rt, "?nonsense=1"), 400, "unknown_parameter")
		wantProblem(t, a.call(rt, "?nonsense"), 400, "unknown_parameter")
		wantProblem(t, a.call(rt, "?%zz=1"), 400, "bad_parameter")
		wantProblem(t, a.call(rt, "?a=%"), 400, "bad_parameter")
		for _, name := range rt.query {
			wantProblem(t, a.call(rt, "?"+url.QueryEscape(name)+"="), 400, "bad_parameter")
			wantProblem(t, a.call(rt, "?"+url.QueryEscape(name)+"=%00"), 400, "bad_parameter")
			if !slices.Contains(flags, name) {
				wantProblem(t, a.call(rt, "?"+url.QueryEscape(name)), 400, "bad_parameter")
			}
			if name != "map" {
				wantProblem(t, a.call(rt, "?"+strings.Repeat(url.QueryEscape(name)+"=1&", 2)), 400, "bad_parameter")
			}
		}
	}
	if len(a.imports) != 0 {
		t.Errorf("%d imports were created by refused requests", len(a.imports))
	}
}

// A flag that stands alone is true; an empty one is refused, as is an empty choice.
func TestBareFlagsAreTrue(t *testing.T) {
	a := newAPI(t)
	send := func(query string) *httptest.ResponseRecorder {
		return a.do(a.alice, "POST", "/v1/imports?dataset=contacts&"+query, "id\n1\n", "Content-Type", "text/csv")
	}
	for query, want := range map[string]bool{"": false, "dry_run": true, "dry_run&": true, "dry_run=true": true, "dry_run=1": true, "dry_run=false": false, "dry_run=0": false} {
		if imp := decode[bulk.Import](t, send(query)); imp.Options.DryRun != want {
			t.Errorf("%q made a dry run: %v", query, imp.Options.DryRun)
		}
	}
	if imp := decode[bulk.Import](t, send("no_header&delimiter=;")); !imp.Options.Dialect.NoHeader || imp.Options.Dialect.Delimiter != ";" {
		t.Errorf("made %+v", imp.Options)
	}
	made := len(a.imports)
	for _, query := range []string{"dry_run=", "mode=", "on_error=", "priority", "filename=", "map=", "sha256=", "delimiter=", "dry_run=yes&dry_run", "dry_run=perhaps"} {
		wantProblem(t, send(query), 400, "bad_parameter")
	}
	if len(a.imports) != made {
		t.Errorf("%d imports were created by refused requests", len(a.imports)-made)
	}
	rec := a.do(a.alice, "POST", "/v1/imports", "", "Tus-Resumable", "1.0.0", "Upload-Length", "9", "Upload-Metadata", "dataset Y29udGFjdHM=,dry_run")
	id := strings.TrimSuffix(strings.TrimPrefix(rec.Header().Get("Location"), "/v1/imports/"), "/content")
	if imp := a.imports[bulk.ImportID(id)]; imp == nil || !imp.Options.DryRun {
		t.Errorf("tus metadata dry_run without a value: %d, %+v", rec.Code, imp)
	}
}

// A problem tells everything that is wrong, where it stands, and what was meant.
func TestProblemListsAllFaults(t *testing.T) {
	a := newAPI(t)
	type place struct{ pointer, code string }
	check := func(rec *httptest.ResponseRecorder, code string, want ...place) Problem {
		t.Helper()
		p := wantProblem(t, rec, 400, code)
		var got []place
		for _, f := range p.Errors {
			if f.Message == "" || !strings.Contains(p.Detail, f.Message) {
				t.Errorf("the detail %q does not tell %q", p.Detail, f.Message)
			}
			got = append(got, place{f.Pointer, f.Code})
		}
		if !slices.Equal(got, want) {
			t.Errorf("faults %v, want %v", got, want)
		}
		return p
	}
	p := check(a.do(a.alice, "POST", "/v1/imports?dataset=contacts&on-eror=abort&mode=&dryrun&colour=red", "a", "Content-Type", "text/csv"), "unknown_parameter",
		place{"?on-eror", "unknown_parameter"}, place{"?mode", "bad_parameter"}, place{"?dryrun", "unknown_parameter"}, place{"?colour", "unknown_parameter"})
	for i, meant := range map[int]string{0: "did you mean on_error?", 2: "did you mean dry_run?", 3: "there are: dataset, mode,"} {
		if !strings.Contains(p.Errors[i].Message, meant) {
			t.Errorf("%q does not say %q", p.Errors[i].Message, meant)
		}
	}
	check(a.do(a.alice, "POST", "/v1/imports?mode=replace&priority=urgent&on_error=maybe&dry_run=perhaps&map=x&encoding=ebcdic&sha256=1", "a", "Content-Type", "text/csv"), "bad_mapping",
		place{"?map", "bad_mapping"}, place{"?dry_run", "bad_parameter"}, place{"?dataset", "missing_dataset"}, place{"?mode", "bad_mode"}, place{"?priority", "bad_priority"},
		place{"?sha256", "bad_sha256"}, place{"?on_error", "bad_on_error"}, place{"?encoding", "bad_dialect"})
	post := func(body string) *httptest.ResponseRecorder {
		return a.do(a.alice, "POST", "/v1/imports", body, "Content-Type", jsonType)
	}
	check(post(`{"dataset":"contacts","mode":"replace","options":{"on_error":"maybe","dialect":{"quote":"''"}}}`), "bad_mode",
		place{"/mode", "bad_mode"}, place{"/options/on_error", "bad_on_error"}, place{"/options/dialect/quote", "bad_dialect"})
	p = check(post(`{"dataset":"contacts","Mode":"upsert","options":{"dry_run":null,"on_error":"","dialect":{"quotes":"x"},"mapping":{"a~/b":null}},"size":"1"}`), "bad_json",
		place{"/Mode", "bad_json"}, place{"/options/dialect/quotes", "bad_json"}, place{"/options/dry_run", "bad_json"}, place{"/options/mapping/a~0~1b", "bad_json"},
		place{"/options/on_error", "bad_json"}, place{"/size", "bad_json"})
	for i, meant := range map[int]string{0: "did you mean mode?", 1: "did you mean quote?"} {
		if !strings.Contains(p.Errors[i].Message, meant) {
			t.Errorf("%q does not say %q", p.Errors[i].Message, meant)
		}
	}
	wantProblem(t, a.do(a.alice, "POST", "/v1/imports?dry_run=true", `{"dataset":"contacts"}`, "Content-Type", jsonType), 400, "unknown_parameter")
	wantProblem(t, a.do(a.alice, "POST", "/v1/imports?dataset=contacts", "id\n1\n", "Content-Type", "text/csv", "Idempotency-Key", ""), 400, "bad_idempotency_key")
	if len(a.imports) != 0 {
		t.Errorf("%d imports were created by refused requests", len(a.imports))
	}
}

// What a decoder would drop, default or alter in silence is refused.
func TestStrictJSON(t *testing.T) {
	type target struct {
		Size  *int64            `json:"size"`
		Whole int               `json:"whole"`
		Name  string            `json:"name"`
		List  []string          `json:"list"`
		Map   map[string]string `json:"map"`
		Min   bulk.Scalar       `json:"min"`
		Cap   capChange         `json:"cap"`
		Flag  bool              `json:"flag"`
	}
	for body, pointer := range map[string]string{
		`{"name":"a","name":"b"}`:            "/name",
		`{"map":{"x":"a","x":"b"}}`:          "/map/x",
		`{"size":null}`:                      "/size",
		`{"flag":null}`:                      "/flag",
		`{"min":null}`:                       "/min",
		`{"min":{}}`:                         "/min",
		`{"list":["a",null]}`:                "/list/1",
		`{"list":"a"}`:                       "/list",
		`{"name":1}`:                         "/name",
		`{"name":""}`:                        "/name",
		`{"name":"a\u0000"}`:                 "/name",
		`{"name":"a\ud800"}`:                 "/name",
		`{"flag":"true"}`:                    "/flag",
		`{"size":1.5}`:                       "/size",
		`{"size":9223372036854775808}`:       "/size",
		`{"size":1e999999999}`:               "/size",
		`{"whole":1e300}`:                    "/whole",
		`{"cap":"x"}`:                        "/cap",
		`{"NAME":"a"}`:                       "/NAME",
		`{"flag":true,"flags":1}`:            "/flags",
		`[]`:                                 "",
		`"text"`:                             "",
		`null`:                               "",
		"{\"name\":\"\xff\"}":                "-",
		`{"name":"a"`:                        "-",
		strings.Repeat("[", 200_000):         "-",
		`{"a":` + strings.Repeat("[", 2_000): "-",
	} {
		var v target
		err := decodeStrict([]byte(body), &v)
		wrong := newProblem(err, "r")
		if err == nil || wrong.Code != "bad_json" && wrong.Code != "bad_cap" {
			t.Errorf("%.60s was taken: %v", body, err)
		} else if pointer != "-" && (len(wrong.Errors) != 1 || wrong.Errors[0].Pointer != pointer) {
			t.Errorf("%s: %+v, want %q", body, wrong.Errors, pointer)
		}
	}
	for body, want := range map[string]int64{`{"size":304}`: 304, `{"size":304.0}`: 304, `{"size":3.04e2}`: 304, `{"size":9223372036854775807}`: 1<<63 - 1, `{"size":-0.0}`: 0} {
		var v target
		if err := decodeStrict([]byte(body), &v); err != nil || v.Size == nil || *v.Size != want {
			t.Errorf("%s: %v, %v", body, v.Size, err)
		}
	}
	var v target
	all := `{"name":"\ufffd�😀\ud83d\ude00","list":["",""],"map":{"":""},"min":1.50,"cap":null,"flag":false,"whole":7}`
	if err := decodeStrict([]byte(all), &v); err != nil || v.Name != "��😀😀" || v.Min != "1.50" || !v.Cap.given || v.Whole != 7 || len(v.List) != 2 || len(v.Map) != 1 {
		t.Errorf("%s: %+v, %v", all, v, err)
	}
}

// A page refuses what it does not know, too; what its form sends empty is left out.
func TestPagesKnowTheirParameters(t *testing.T) {
	a := newAPI(t)
	for path, status := range map[string]int{"/imports?q=&state=&dataset=": 200, "/imports?stat=failed": 400, "/imports?q=a&q=b": 400, "/usage?x": 400, "/datasets/contacts?cursor=%": 400} {
		if rec := a.do(a.alice, "GET", path, "", "Accept", "text/html"); rec.Code != status {
			t.Errorf("%s: %d, want %d", path, rec.Code, status)
		}
	}
}

func TestProblemsWithoutFaultsListNone(t *testing.T) {
	a := newAPI(t)
	var raw map[string]any
	if json.Unmarshal(a.do(a.alice, "GET", "/v1/nothing", "").Body.Bytes(), &raw); raw["errors"] != nil {
		t.Errorf("got %v", raw)
	}
}
