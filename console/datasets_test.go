package console

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"bulkhead/internal/bulk"
)

func TestDatasets(t *testing.T) {
	a := newAPI(t)
	if list := decode[struct{ Datasets []bulk.Dataset }](t, a.do(a.alice, "GET", "/v1/datasets", "")); len(list.Datasets) != 1 || list.Datasets[0].Name != "contacts" {
		t.Errorf("list %+v", list)
	}
	if d := decode[bulk.Dataset](t, a.do(a.alice, "GET", "/v1/datasets/contacts", "")); len(d.Columns) != 2 || d.Version != 1 {
		t.Errorf("contacts %+v", d)
	}
	wantProblem(t, a.do(a.alice, "GET", "/v1/datasets/nope", ""), 404, "not_found")
}

func TestPutDataset(t *testing.T) {
	a := newAPI(t)
	put := func(secret, body string) *httptest.ResponseRecorder {
		return a.do(secret, "PUT", "/v1/datasets/wells", body, "Content-Type", jsonType)
	}
	const good = `{"key":["id"],"columns":[{"name":"id","type":"text"},{"name":"depth","type":"decimal","min":0}]}`
	wantProblem(t, put(a.alice, good), 403, "operators_only")
	wantProblem(t, put(a.olga, `{"name":"other","key":["id"],"columns":[{"name":"id","type":"text"}]}`), 400, "bad_spec")
	wantProblem(t, put(a.olga, `{"key":["id"],"columns":[{"name":"id","type":"varchar"}]}`), 400, "bad_spec")
	if p := wantProblem(t, put(a.olga, `{"key":["id"],"columns":[{"name":"id","type":"text","requierd":true}]}`), 400, "bad_json"); !strings.Contains(p.Detail, "requierd") {
		t.Errorf("detail %q does not name the field", p.Detail)
	}
	if _, there := a.datasets["wells"]; there {
		t.Fatal("a refused dataset was stored")
	}
	if d := decode[bulk.Dataset](t, put(a.olga, good)); d.Name != "wells" || d.Columns[1].Min != "0" || d.Version != 1 {
		t.Errorf("stored %+v", d)
	}
	strict := newAPI(t, func(c *Config) {
		c.CheckSpec = func(bulk.Spec) error { return bulk.Errorf(bulk.KindInvalid, "bad_spec", "A bound is out of order.") }
	})
	wantProblem(t, strict.do(strict.olga, "PUT", "/v1/datasets/wells", good, "Content-Type", jsonType), 400, "bad_spec")
}

func withRecords(a *api) {
	page := bulk.RecordPage{Columns: []string{"name", "age", "ok", "rate", "gone"}}
	for _, name := range []string{`A "quoted" <b>`, "line\nend", "é"} {
		page.Records = append(page.Records, bulk.Record{Values: []bulk.Value{name, int64(9007199254740993), true, 1.5, nil}, Import: "imp_1", Row: 7, OpSeq: 3})
	}
	a.records[a.aliceID] = page
}

func TestRecordsAsJSON(t *testing.T) {
	a := newAPI(t)
	withRecords(a)
	rec := a.do(a.alice, "GET", "/v1/datasets/contacts/records?limit=2", "")
	want := `{"columns":["name","age","ok","rate","gone"],"next_cursor":"after","records":[` +
		`{"name":"A \"quoted\" \u003cb\u003e","age":9007199254740993,"ok":true,"rate":1.5,"gone":null,"_import_id":"imp_1","_row":7,"_op_seq":3},` +
		`{"name":"line\nend","age":9007199254740993,"ok":true,"rate":1.5,"gone":null,"_import_id":"imp_1","_row":7,"_op_seq":3}]}` + "\n"
	if rec.Body.String() != want {
		t.Errorf("got  %s\nwant %s", rec.Body, want)
	}
	rest := decode[struct {
		Next    string           `json:"next_cursor"`
		Records []map[string]any `json:"records"`
	}](t, a.do(a.alice, "GET", "/v1/datasets/contacts/records?limit=2&cursor=after", ""))
	if rest.Next != "" || len(rest.Records) != 1 || rest.Records[0]["name"] != "é" {
		t.Errorf("second page %+v", rest)
	}
	if body := a.do(a.bob, "GET", "/v1/datasets/contacts/records", "").Body.String(); body != `{"columns":[],"next_cursor":"","records":[]}`+"\n" {
		t.Errorf("bob sees %s", body)
	}
	wantProblem(t, a.do(a.alice, "GET", "/v1/datasets/nope/records", ""), 404, "not_found")
	wantProblem(t, a.do(a.alice, "GET", "/v1/datasets/contacts/records?limit=10001", ""), 400, "bad_parameter")
}

func TestRecordsAsNDJSON(t *testing.T) {
	a := newAPI(t)
	withRecords(a)
	rec := a.do(a.alice, "GET", "/v1/datasets/contacts/records?limit=2", "", "Accept", "application/x-ndjson")
	lines := strings.Split(rec.Body.String(), "\n")
	if len(lines) != 3 || lines[2] != "" || !strings.HasPrefix(lines[1], `{"name":"line\nend",`) || rec.Header().Get("Next-Cursor") != "after" || rec.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %v %q", rec.Header(), lines)
	}
	if last := a.do(a.alice, "GET", "/v1/datasets/contacts/records?limit=2&cursor=after", "", "Accept", "application/x-ndjson"); last.Header().Get("Next-Cursor") != "" {
		t.Errorf("the last page names a next one")
	}
}

func TestPreview(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Limits = bulk.DefaultLimits(); c.Limits.PreviewBytes = 10 })
	p := decode[bulk.Preview](t, a.do(a.alice, "POST", "/v1/preview?whole=1&dataset=contacts&encoding=shift_jis", "a,b\n1,2\n", "Content-Type", "text/csv"))
	if a.sample != "a,b\n1,2\n" || !a.whole || p.Dialect.Encoding != "shift_jis" || len(p.Unmapped) != 1 || p.Rows == nil {
		t.Errorf("sample %q whole %v gave %+v", a.sample, a.whole, p)
	}
	a.do(a.alice, "POST", "/v1/preview?whole=1", "0123456789more", "Content-Type", "text/csv")
	if a.sample != "0123456789" || a.whole {
		t.Errorf("of a longer body came %q, whole %v", a.sample, a.whole)
	}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	mw.WriteField("dataset", "contacts")
	part, _ := mw.CreateFormFile("file", "a.csv")
	io.WriteString(part, "x;y\n")
	mw.Close()
	if rec := a.do(a.alice, "POST", "/v1/preview", form.String(), "Content-Type", mw.FormDataContentType()); rec.Code != 200 || a.sample != "x;y\n" {
		t.Errorf("form: got %d, sample %q", rec.Code, a.sample)
	}
	wantProblem(t, a.do(a.alice, "POST", "/v1/preview", "--b--", "Content-Type", "multipart/form-data; boundary=b"), 400, "bad_form")
	wantProblem(t, a.do(a.alice, "POST", "/v1/preview?dataset=nope", "a"), 404, "not_found")
	wantProblem(t, a.do(a.alice, "POST", "/v1/preview?delimter=x", "a"), 400, "unknown_parameter")
}

func TestRejectsCSV(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateCompletedWithRejects)
	a.rejects = []bulk.Reject{{Cells: []string{"1", "old"}, Code: bulk.CodeInvalidInteger}, {Cells: []string{"2", "x"}, Code: bulk.CodeInvalidInteger}}
	rec := a.do(a.alice, "GET", importPath(imp.ID)+"/rejects.csv?raw=1", "")
	if want := "id,age,raw=true\n1,old,invalid_integer\n2,x,invalid_integer\n"; rec.Body.String() != want {
		t.Errorf("got %q, want %q", rec.Body, want)
	}
	if h := rec.Header(); h.Get("Content-Type") != "text/csv; charset=utf-8" || h.Get("Content-Disposition") != "attachment; filename=rejects-people.csv" {
		t.Errorf("headers %v", h)
	}
	a.imports[imp.ID].Layout = nil
	a.rejects = nil
	if rec := a.do(a.alice, "GET", importPath(imp.ID)+"/rejects.csv", ""); rec.Body.String() != "raw=false\n" {
		t.Errorf("without a header: %q", rec.Body)
	}
	wantProblem(t, a.do(a.alice, "GET", importPath(imp.ID)+"/rejects.csv?raw=perhaps", ""), 400, "bad_parameter")
}

// What fails before a byte was sent is a problem; what fails later breaks the connection.
func TestRejectsCSVThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateCompletedWithRejects)
	a.broken = errors.New("object is gone")
	rec := a.do(a.alice, "GET", importPath(imp.ID)+"/rejects.csv", "")
	if wantProblem(t, rec, 500, "internal"); rec.Header().Get("Content-Disposition") != "" {
		t.Error("a problem is offered as a download")
	}
	for range 5000 {
		a.rejects = append(a.rejects, bulk.Reject{Cells: []string{"1", "a cell of some length"}, Code: bulk.CodeInvalidInteger})
	}
	web := httptest.NewServer(a.server)
	defer web.Close()
	for _, encoding := range []string{"identity", "gzip"} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", web.URL+importPath(imp.ID)+"/rejects.csv", nil)
		req.Header.Set("Authorization", "Bearer "+a.alice)
		req.Header.Set("Accept-Encoding", encoding)
		resp, err := web.Client().Do(req)
		if err != nil {
			continue // broken before the header came
		}
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("%s: %d bytes were taken for the whole", encoding, n)
		}
		resp.Body.Close()
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	a := newAPI(t)
	rec := a.do("", "GET", "/openapi.json", "", "Accept-Encoding", "gzip")
	zr, err := gzip.NewReader(rec.Body)
	if err != nil || rec.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers %v, %v", rec.Header(), err)
	}
	if b, err := io.ReadAll(zr); err != nil || !bytes.Equal(b, openapi) {
		t.Errorf("%d bytes, %v: want openapi.json", len(b), err)
	}
}

func TestUsageAndLimits(t *testing.T) {
	a := newAPI(t)
	a.accounts[a.aliceID].RecordsUsed = 42
	if body := a.do(a.alice, "GET", "/v1/usage", "").Body.String(); body != `{"records":42,"quota":100,"by_dataset":[]}`+"\n" {
		t.Errorf("usage %s", body)
	}
	if l := decode[bulk.Limits](t, a.do(a.alice, "GET", "/v1/limits", "")); l != bulk.DefaultLimits() {
		t.Errorf("limits %+v", l)
	}
}

// An answer that breaks off looks broken to clients that know no chunks, too.
func TestBrokenAnswerIsBrokenInHTTP10(t *testing.T) {
	a := newAPI(t)
	imp := a.seed(a.aliceID, bulk.StateCompleted)
	cell := strings.Repeat("x", 1000)
	for range 100 {
		a.rejects = append(a.rejects, bulk.Reject{Cells: []string{cell}, Code: bulk.CodeRequired})
	}
	web := httptest.NewServer(a.server)
	defer web.Close()
	ask := func() (int, error) {
		conn, err := net.Dial("tcp", web.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET %s/rejects.csv HTTP/1.0\r\nAuthorization: Bearer %s\r\n\r\n", importPath(imp.ID), a.alice)
		answer, err := io.ReadAll(conn)
		return len(answer), err
	}
	if n, err := ask(); err != nil || n < 100*1000 {
		t.Fatalf("a whole answer: %d bytes, %v", n, err)
	}
	a.broken = errors.New("the object store is away")
	if n, err := ask(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a part of %d bytes passes for the whole: %v", n, err)
	}
}
