package console

import (
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
	"bulkhead/internal/resumable"
)

// decode reads an answer's JSON.
func decode[T any](t *testing.T, rec *httptest.ResponseRecorder) (v T) {
	t.Helper()
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		t.Fatalf("answer %d is not the JSON that was expected: %v\n%s", rec.Code, err, rec.Body)
	}
	return v
}

// wantProblem checks status, code and shape of a failure.
func wantProblem(t *testing.T, rec *httptest.ResponseRecorder, status int, code string) Problem {
	t.Helper()
	p := decode[Problem](t, rec)
	if rec.Code != status || p.Status != status || p.Code != code || p.Detail == "" || p.Title == "" ||
		p.RequestID == "" || p.RequestID != rec.Header().Get("X-Request-Id") || rec.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s, want the problem %d %s", rec.Code, rec.Body, status, code)
	}
	return p
}

type created struct {
	bulk.Import
	UploadURL string `json:"upload_url"`
}

const jsonType = "application/json"

func TestCreateImportFromJSON(t *testing.T) {
	a := newAPI(t)
	rec := a.do(a.alice, "POST", "/v1/imports", `{"dataset":"contacts","mode":"upsert","filename":"a.csv","size":12,"mapping":{"E-Mail":"id"},"options":{"on_error":"5%"}}`, "Content-Type", jsonType)
	imp := decode[created](t, rec)
	if rec.Code != 201 || rec.Header().Get("Location") != "/v1/imports/"+string(imp.ID) || imp.UploadURL != "/v1/imports/"+string(imp.ID)+"/content" {
		t.Fatalf("got %d, Location %q, %s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	if imp.AccountID != a.aliceID || imp.Mode != bulk.ModeUpsert || imp.Bytes.Total != 12 || imp.Options.Mapping["E-Mail"] != "id" || imp.Priority != bulk.PriorityNormal || imp.Options.OnError != "5%" {
		t.Errorf("created %+v", imp.Import)
	}
}

func TestCreateImportRefusesBadInput(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Limits = bulk.DefaultLimits(); c.Limits.FileBytes = 100 })
	for name, c := range map[string]struct {
		body, code, detail string
		status             int
	}{
		"unknown field":      {`{"dataset":"contacts","on_eror":"abort"}`, "bad_json", "on_eror", 400},
		"unknown option":     {`{"dataset":"contacts","options":{"dryrun":true}}`, "bad_json", "dryrun", 400},
		"wrong type":         {`{"dataset":"contacts","options":{"dry_run":"yes"}}`, "bad_json", "options.dry_run", 400},
		"two values":         {`{"dataset":"contacts"} {}`, "bad_json", "after top-level value", 400},
		"no JSON":            {`dataset`, "bad_json", "", 400},
		"empty":              {``, "bad_json", "empty", 400},
		"no dataset":         {`{}`, "missing_dataset", "", 400},
		"unknown dataset":    {`{"dataset":"nope"}`, bulk.ErrUnknownDataset, "nope", 422},
		"mode":               {`{"dataset":"contacts","mode":"replace"}`, "bad_mode", "replace", 400},
		"priority":           {`{"dataset":"contacts","priority":"urgent"}`, "bad_priority", "", 400},
		"on_error":           {`{"dataset":"contacts","options":{"on_error":"maybe"}}`, "bad_on_error", "", 400},
		"empty file":         {`{"dataset":"contacts","size":0}`, "empty_file", "", 422},
		"negative size":      {`{"dataset":"contacts","size":-1}`, "bad_size", "", 400},
		"too large":          {`{"dataset":"contacts","size":101}`, "file_too_large", "100", 413},
		"sha256":             {`{"dataset":"contacts","options":{"sha256":"abc"}}`, "bad_sha256", "", 400},
		"two mappings":       {`{"dataset":"contacts","mapping":{"a":"b"},"options":{"mapping":{"c":"d"}}}`, "bad_mapping", "", 400},
		"filename":           {`{"dataset":"contacts","filename":"a\nb"}`, "bad_filename", "", 400},
		"delimiter":          {`{"dataset":"contacts","options":{"dialect":{"delimiter":"::"}}}`, "bad_dialect", "", 400},
		"delimiter is quote": {`{"dataset":"contacts","options":{"dialect":{"delimiter":"'","quote":"'"}}}`, "bad_dialect", "", 400},
		"encoding":           {`{"dataset":"contacts","options":{"dialect":{"encoding":"ebcdic"}}}`, "bad_dialect", "ebcdic", 400},
	} {
		t.Run(name, func(t *testing.T) {
			p := wantProblem(t, a.do(a.alice, "POST", "/v1/imports", c.body, "Content-Type", jsonType), c.status, c.code)
			if !strings.Contains(p.Detail, c.detail) {
				t.Errorf("detail %q does not name %q", p.Detail, c.detail)
			}
		})
	}
	if len(a.imports) != 0 {
		t.Errorf("%d imports were created by refused requests", len(a.imports))
	}
	wantProblem(t, a.do(a.alice, "POST", "/v1/imports?dataset=contacts", "a", "Content-Type", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
	wantProblem(t, a.do(a.alice, "POST", "/v1/imports", `{"dataset":"`+strings.Repeat("x", maxJSON)+`"}`, "Content-Type", jsonType), 413, "body_too_large")
}

func TestIdempotencyKeyGivesTheFirstAnswerAgain(t *testing.T) {
	a := newAPI(t)
	post := func(secret, body string) *httptest.ResponseRecorder {
		return a.do(secret, "POST", "/v1/imports", body, "Content-Type", jsonType, "Idempotency-Key", "k1")
	}
	first := decode[created](t, post(a.alice, `{"dataset":"contacts","mode":"create"}`))
	rec := post(a.alice, `{ "mode":"create", "dataset":"contacts", "priority":"normal" }`)
	if again := decode[created](t, rec); rec.Code != 201 || again.ID != first.ID || rec.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same request written differently: got %d %s, want the import %s again", rec.Code, rec.Body, first.ID)
	}
	wantProblem(t, post(a.alice, `{"dataset":"contacts","mode":"upsert"}`), 422, "idempotency_key_reused")
	if other := decode[created](t, post(a.bob, `{"dataset":"contacts","mode":"create"}`)); other.ID == first.ID || other.AccountID != a.bobID {
		t.Errorf("bob's key k1 met alice's import")
	}
}

func TestImportWholeFileInOneRequest(t *testing.T) {
	for _, contentType := range []string{"", "text/csv", "text/csv; charset=utf-8", "application/csv", "application/octet-stream", "application/gzip", "application/zstd"} {
		a := newAPI(t)
		rec := a.do(a.alice, "POST", "/v1/imports?dataset=contacts&mode=upsert&filename=p.csv&priority=high&on_error=3&dry_run=1&map=E-Mail=id,Age=age&delimiter=%3B&no_header=true", "id;age\n", "Content-Type", contentType)
		imp := decode[bulk.Import](t, rec)
		if rec.Code != 202 || rec.Header().Get("Location") != "/v1/imports/"+string(imp.ID) || imp.State != bulk.StateProcessing || string(a.files[imp.ID]) != "id;age\n" {
			t.Fatalf("%q: got %d %s", contentType, rec.Code, rec.Body)
		}
		o := imp.Options
		if imp.Mode != bulk.ModeUpsert || imp.Priority != bulk.PriorityHigh || o.OnError != "3" || !o.DryRun || o.Mapping["E-Mail"] != "id" || o.Mapping["Age"] != "age" || o.Dialect.Delimiter != ";" || !o.Dialect.NoHeader || imp.Bytes.Total != 7 {
			t.Errorf("%q: created %+v", contentType, imp)
		}
	}
}

func TestImportWholeFileFailures(t *testing.T) {
	a := newAPI(t)
	post := func(query, body string, headers ...string) *httptest.ResponseRecorder {
		return a.do(a.alice, "POST", "/v1/imports?"+query, body, append([]string{"Content-Type", "text/csv"}, headers...)...)
	}
	if p := wantProblem(t, post("dataset=contacts&on-error=abort", "a"), 400, "unknown_parameter"); !strings.Contains(p.Detail, "on-error") {
		t.Errorf("detail %q does not name the parameter", p.Detail)
	}
	wantProblem(t, post("dataset=contacts&dry_run=perhaps", "a"), 400, "bad_parameter")
	wantProblem(t, post("dataset=contacts&map=nothing", "a"), 400, "bad_mapping")
	wantProblem(t, post("dataset=contacts", "a", "Content-Encoding", "br"), 415, "unsupported_media_type")
	wantProblem(t, post("", "a"), 400, "missing_dataset")
	if len(a.imports) != 0 {
		t.Fatalf("%d imports were created by refused requests", len(a.imports))
	}

	a.refusal = bulk.Errorf(bulk.KindUnprocessed, bulk.ErrUnterminatedQuote, "The quote is never closed.").At(7, 120)
	p := wantProblem(t, post("dataset=contacts", "a"), 422, bulk.ErrUnterminatedQuote)
	if a.imports[p.Import] == nil || p.Line != 7 || p.Offset == nil || *p.Offset != 120 {
		t.Errorf("problem %+v names no import, line and offset", p)
	}

	a.refusal = bulk.Errorf(bulk.KindUnavailable, "busy", "No room now.")
	before := len(a.imports)
	rec := post("dataset=contacts", "a")
	if p := wantProblem(t, rec, 503, "busy"); rec.Header().Get("Retry-After") == "" || p.Import != "" || len(a.imports) != before {
		t.Errorf("without room: %v, import %q, %d more imports", rec.Header(), p.Import, len(a.imports)-before)
	}
	if p := wantProblem(t, post("dataset=contacts", "a", "Idempotency-Key", "k"), 503, "busy"); a.imports[p.Import].State != bulk.StateOpen {
		t.Errorf("an import that the client can come back to is %s, want open", a.imports[p.Import].State)
	}
	a.refusal = nil
	if rec := post("dataset=contacts", "a", "Idempotency-Key", "k"); rec.Code != 202 {
		t.Errorf("coming back: got %d %s", rec.Code, rec.Body)
	}
}

func TestRepeatedWholeFileIsNotReceivedTwice(t *testing.T) {
	a := newAPI(t)
	post := func() *httptest.ResponseRecorder {
		return a.do(a.alice, "POST", "/v1/imports?dataset=contacts", "id\n1\n", "Content-Type", "text/csv", "Idempotency-Key", "k")
	}
	first, again := decode[bulk.Import](t, post()), decode[bulk.Import](t, post())
	if first.ID != again.ID || string(a.files[first.ID]) != "id\n1\n" {
		t.Errorf("received %q for %s and %s", a.files[first.ID], first.ID, again.ID)
	}
	a.imports[first.ID].Sealed, a.imports[first.ID].State, a.imports[first.ID].Bytes.Received = false, bulk.StateReceiving, 3
	if p := wantProblem(t, post(), 409, "upload_incomplete"); p.Import != first.ID {
		t.Errorf("problem names import %q, want %s", p.Import, first.ID)
	}
}

// What the media type says of the header is not passed over.
func TestHeaderAbsent(t *testing.T) {
	a := newAPI(t)
	for media, want := range map[string]bool{"text/csv; header=absent": true, "text/csv; charset=utf-8; header=present": false, "text/csv": false} {
		imp := decode[bulk.Import](t, a.do(a.alice, "POST", "/v1/imports?dataset=contacts", "1\n", "Content-Type", media))
		if imp.Options.Dialect.NoHeader != want {
			t.Errorf("%s: no_header is %v", media, imp.Options.Dialect.NoHeader)
		}
	}
}

func TestTusCreation(t *testing.T) {
	a := newAPI(t)
	meta := func(pairs ...string) string {
		var out []string
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
		}
		return strings.Join(out, ",")
	}
	good := meta("dataset", "contacts", "filename", "größe.csv", "filetype", "text/csv", "mode", "upsert")
	rec := a.do(a.alice, "POST", "/v1/imports", "", "Tus-Resumable", "1.0.0", "Upload-Length", "9", "Upload-Metadata", good)
	id, ok := strings.CutSuffix(strings.TrimPrefix(rec.Header().Get("Location"), "/v1/imports/"), "/content")
	imp := a.imports[bulk.ImportID(id)]
	if rec.Code != 201 || !ok || imp == nil || rec.Header().Get("Tus-Resumable") != "1.0.0" {
		t.Fatalf("got %d, Location %q, %s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	if imp.Filename != "größe.csv" || imp.Mode != bulk.ModeUpsert || imp.Bytes.Total != 9 {
		t.Errorf("created %+v", imp)
	}
	if rec := a.do(a.alice, "POST", "/v1/imports?dataset=contacts", "", "Tus-Resumable", "1.0.0", "Upload-Defer-Length", "1"); rec.Code != 201 {
		t.Errorf("deferred length: got %d %s", rec.Code, rec.Body)
	}
	for name, c := range map[string]struct {
		headers []string
		status  int
		code    string
	}{
		"version":          {[]string{"Tus-Resumable", "0.2.2"}, 412, "tus_version"},
		"concatenation":    {[]string{"Upload-Concat", "partial", "Upload-Length", "1"}, 400, "no_concatenation"},
		"no length":        {[]string{"Upload-Metadata", good}, 400, "bad_upload_length"},
		"both lengths":     {[]string{"Upload-Length", "1", "Upload-Defer-Length", "1"}, 400, "bad_upload_length"},
		"negative length":  {[]string{"Upload-Length", "-1"}, 400, "bad_upload_length"},
		"empty file":       {[]string{"Upload-Length", "0"}, 422, "empty_file"},
		"no base64":        {[]string{"Upload-Length", "1", "Upload-Metadata", "dataset ***"}, 400, "bad_upload_metadata"},
		"repeated name":    {[]string{"Upload-Length", "1", "Upload-Metadata", meta("mode", "a", "mode", "b")}, 400, "bad_parameter"},
		"empty value":      {[]string{"Upload-Length", "1", "Upload-Metadata", good + ",priority"}, 400, "bad_parameter"},
		"slip in metadata": {[]string{"Upload-Length", "1", "Upload-Metadata", meta("dataset", "contacts", "onerror", "abort")}, 400, "unknown_parameter"},
		"too large":        {[]string{"Upload-Length", "999999999999999", "Upload-Metadata", good}, 413, "file_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			rec := a.do(a.alice, "POST", "/v1/imports", "", append([]string{"Tus-Resumable", "1.0.0"}, c.headers...)...)
			wantProblem(t, rec, c.status, c.code)
			if rec.Header().Get("Tus-Resumable") != "1.0.0" {
				t.Errorf("a tus failure does not carry Tus-Resumable")
			}
		})
	}
	rec = a.do("", "OPTIONS", "/v1/imports", "")
	if rec.Code != 204 || rec.Header().Get("Tus-Version") != "1.0.0" || rec.Header().Get("Tus-Extension") != resumable.TusExtensions || rec.Header().Get("Tus-Max-Size") == "" {
		t.Errorf("discovery: %d %v", rec.Code, rec.Header())
	}
}

func TestContentGetsTheCredentialsAccount(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateOpen)
	a.do(a.alice, "PATCH", contentPath(imp.ID), "x")
	if a.content != "PATCH "+string(imp.ID) || a.contentBy != string(a.aliceID) {
		t.Errorf("content handler saw %q by %q", a.content, a.contentBy)
	}
	a.content = ""
	wantProblem(t, a.do("", "PATCH", contentPath(imp.ID), "x"), 401, "no_credential")
	if a.content != "" {
		t.Errorf("content handler was reached without a credential: %q", a.content)
	}
	if rec := a.do(a.alice, "GET", contentPath(imp.ID), ""); rec.Code != 405 || !strings.Contains(rec.Header().Get("Allow"), "PATCH") {
		t.Errorf("GET content: %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
}

func TestListImportsPagesAndFilters(t *testing.T) {
	a := newAPI(t)
	if body := a.do(a.alice, "GET", "/v1/imports", "").Body.String(); body != `{"imports":[],"next_cursor":""}`+"\n" {
		t.Errorf("empty list is %s", body)
	}
	a.seed(a.aliceID, bulk.StateOpen)
	a.seed(a.aliceID, bulk.StateFailed)
	a.seed(a.aliceID, bulk.StateOpen)
	a.seed(a.bobID, bulk.StateOpen)
	seen := map[bulk.ImportID]bool{}
	for query, pages := "", 0; pages == 0 || query != ""; pages++ {
		list := decode[importList](t, a.do(a.alice, "GET", "/v1/imports?limit=2"+query, ""))
		for _, imp := range list.Imports {
			seen[imp.ID] = imp.AccountID == a.aliceID
		}
		query = ""
		if list.Next != "" {
			query = "&cursor=" + list.Next
		}
		if pages > 1 {
			t.Fatal("the cursor does not end")
		}
	}
	if len(seen) != 3 {
		t.Errorf("pages show %d imports, want alice's 3", len(seen))
	}
	a.do(a.alice, "GET", "/v1/imports?state=failed&dataset=contacts&search=peo", "")
	if f := a.filter; f.State != bulk.StateFailed || f.Dataset != "contacts" || f.Search != "peo" || f.Limit != 50 {
		t.Errorf("filter %+v", f)
	}
	wantProblem(t, a.do(a.alice, "GET", "/v1/imports?state=done", ""), 400, "bad_parameter")
	wantProblem(t, a.do(a.alice, "GET", "/v1/imports?limit=201", ""), 400, "bad_parameter")
	wantProblem(t, a.do(a.alice, "GET", "/v1/imports?limit=x", ""), 400, "bad_parameter")
}

// Every address of an import answers alike when it is foreign, unknown or nonsense.
func TestForeignImportsDoNotExist(t *testing.T) {
	a := newAPI(t)
	bobs := a.seed(a.bobID, bulk.StateProcessing)
	for _, id := range []string{string(bobs.ID), string(bulk.NewImportID()), "imp_nonsense", "'; DROP TABLE imports"} {
		path := strings.ReplaceAll("/v1/imports/"+id, " ", "%20")
		for _, action := range []string{"GET ", "POST /cancel", "POST /pause", "POST /resume", "POST /approve", "GET /rejects.csv", "GET /errors", "GET /batches", "GET /receipt", "GET /events"} {
			method, rest, _ := strings.Cut(action, " ")
			if rec := a.do(a.alice, method, path+rest, ""); rec.Code != 404 {
				t.Errorf("%s %s%s: got %d, want 404", method, id, rest, rec.Code)
			} else {
				wantProblem(t, rec, 404, "not_found")
			}
		}
	}
	if state := a.imports[bobs.ID].State; state != bulk.StateProcessing {
		t.Errorf("bob's import became %s", state)
	}
}

func TestSteerImport(t *testing.T) {
	a := newAPI(t)
	imp, dry := a.seed(a.aliceID, bulk.StateProcessing), a.seed(a.aliceID, bulk.StateAwaitingApproval)
	a.imports[imp.ID].Sealed = true
	for _, step := range []struct {
		id     bulk.ImportID
		action string
		want   bulk.State
	}{
		{imp.ID, "pause", bulk.StatePaused},
		{imp.ID, "pause", bulk.StatePaused},
		{imp.ID, "resume", bulk.StateProcessing},
		{imp.ID, "cancel", bulk.StateCancelled},
		{imp.ID, "cancel", bulk.StateCancelled},
		{dry.ID, "approve", bulk.StateProcessing},
	} {
		rec := a.do(a.alice, "POST", importPath(step.id)+"/"+step.action, "")
		if got := decode[bulk.Import](t, rec); rec.Code != 200 || got.State != step.want {
			t.Errorf("%s: got %d %s, want %s", step.action, rec.Code, got.State, step.want)
		}
	}
	wantProblem(t, a.do(a.alice, "POST", importPath(imp.ID)+"/resume", ""), 409, "wrong_state")
	if rec := a.do(a.alice, "POST", importPath(imp.ID)+"/undo", ""); rec.Code != 404 {
		t.Errorf("undo: got %d, want 404", rec.Code)
	}
}

func TestBatchesErrorsReceipt(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateProcessing)
	var nos []int64
	for query, more := "", true; more && len(nos) < 9; {
		list := decode[batchList](t, a.do(a.alice, "GET", importPath(imp.ID)+"/batches?limit=2"+query, ""))
		for _, b := range list.Batches {
			nos = append(nos, b.No)
		}
		query, more = "&cursor="+list.Next, list.Next != ""
	}
	if len(nos) != 3 || nos[0] != 0 || nos[2] != 2 {
		t.Errorf("batches %v, want 0 1 2", nos)
	}
	if body := a.do(a.alice, "GET", importPath(imp.ID)+"/errors", "").Body.String(); body != `{"errors":[],"next_cursor":""}`+"\n" {
		t.Errorf("no errors are %s", body)
	}
	a.groups = make([]bulk.RejectGroup, 5)
	if list := decode[rejectGroupList](t, a.do(a.alice, "GET", importPath(imp.ID)+"/errors?limit=3", "")); len(list.RejectGroups) != 3 || list.Next != "3" {
		t.Errorf("the first page of errors: %+v", list)
	}
	if list := decode[rejectGroupList](t, a.do(a.alice, "GET", importPath(imp.ID)+"/errors?limit=3&cursor=3", "")); len(list.RejectGroups) != 2 || list.Next != "" {
		t.Errorf("the last page of errors: %+v", list)
	}
	wantProblem(t, a.do(a.alice, "GET", importPath(imp.ID)+"/receipt", ""), 409, "not_finished")
	a.move(imp.ID, bulk.StateCompleted)
	if r := decode[bulk.Receipt](t, a.do(a.alice, "GET", importPath(imp.ID)+"/receipt", "")); !r.Balanced || r.Import.ID != imp.ID || r.RejectGroups == nil {
		t.Errorf("receipt %+v", r)
	}
}
