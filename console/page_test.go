package console

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

// visitor is a browser without JavaScript.
type visitor struct {
	*http.Client
	t    *testing.T
	base string
}

func visit(t *testing.T, w *demo) visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{&http.Client{Jar: jar}, t, w.serve(t)}
}

// signIn spends a login link.
func (v visitor) signIn(w *demo) visitor {
	v.post(w.link(), nil)
	return v
}

// answer is what came after all redirects.
type pageAnswer struct {
	status int
	path   string
	body   string
	header http.Header
}

func (v visitor) send(method, path, contentType string, body io.Reader, header ...string) pageAnswer {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, body)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return pageAnswer{res.StatusCode, res.Request.URL.RequestURI(), string(b), res.Header}
}

func (v visitor) get(path string) pageAnswer { return v.send(http.MethodGet, path, "", nil) }

func (v visitor) post(path string, form url.Values) pageAnswer {
	return v.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// want fails the test unless the answer has the status, the path and the phrase.
func (a pageAnswer) want(t *testing.T, status int, path, phrase string) {
	t.Helper()
	if a.status != status || !strings.HasPrefix(a.path, path) || !strings.Contains(a.body, phrase) {
		t.Errorf("got %d at %s, want %d at %s with %q in it", a.status, a.path, status, path, phrase)
	}
}

func TestPagesAskToSignInAndComeBack(t *testing.T) {
	w := newDemo()
	v := visit(t, w)
	v.get("/usage").want(t, 200, "/login?next=%2Fusage", "API key")
	v.post("/login", url.Values{"key": {"bhk_wrong"}, "next": {"/usage"}}).want(t, 401, "/login", "This key is not accepted")
	v.post("/login", url.Values{"key": {w.key}, "next": {"//evil.example/"}}).want(t, 200, "/imports", "crm-export")
	v.get("/usage").want(t, 200, "/usage", "3,412,806")
	v.post("/logout", nil).want(t, 200, "/login", "API key")
	v.get("/usage").want(t, 200, "/login", "API key")
}

func TestLoginLinkIsSpentByAClickOnly(t *testing.T) {
	w := newDemo()
	v, link := visit(t, w), w.link()
	v.get(link).want(t, 200, link, "one-time link")
	v.get(link).want(t, 200, link, "one-time link")
	v.post(link, nil).want(t, 200, "/imports", "crm-export")
	v.post(link, nil).want(t, 401, link, "used already")
}

func TestImportsListKeepsItsFilters(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	a := v.get("/imports?state=failed&q=legacy")
	a.want(t, 200, "/imports", "legacy-crm.txt")
	if strings.Contains(a.body, "opt-outs.csv") {
		t.Error("the filter lets others through")
	}
	if strings.Contains(a.body, `value="undone"`) {
		t.Error("the form offers a state that nothing leads to")
	}
	if !strings.Contains(a.body, `value="failed" selected`) {
		t.Error("the form forgot the state")
	}
	v.get("/imports?q=zzz").want(t, 200, "/imports", "Nothing found")
	w.mu.Lock()
	w.imports = nil
	w.mu.Unlock()
	v.get("/imports").want(t, 200, "/imports", "No imports yet")
}

func TestImportPageActionsAndRefusals(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	running := "/imports/" + string(w.of("crm-export-2026-11.csv").ID)
	v.get(running).want(t, 200, running, `http-equiv="refresh"`)
	v.post(running+"/pause", nil).want(t, 200, running, "Paused")
	v.post(running+"/approve", nil).want(t, 409, running, "cannot be approved")
	v.get(running+"/cancel").want(t, 200, running, "Cancel this import?")
	v.post(running+"/cancel", nil).want(t, 200, running, "Receipt")
	v.get(running+"/cancel").want(t, 200, running, "Receipt")
	if a := v.get(running); strings.Contains(a.body, "http-equiv") || strings.Contains(a.body, "data-live=") {
		t.Error("a finished import's page keeps asking")
	}
	live := v.get("/imports/" + string(w.of("partners-emea.csv.gz").ID) + "/live")
	live.want(t, 200, "/imports/", "data-part")
	if strings.Contains(live.body, "<html") {
		t.Error("the live part is a whole page")
	}
}

func TestFairnessIsForOperators(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	acme := "/fairness/" + string(w.account.ID)
	for _, path := range []string{"/fairness", "/fairness/live", "/cluster", "/cluster/live"} {
		v.get(path).want(t, 403, path, "Not for this account")
	}
	v.post(acme, url.Values{"weight": {"9"}}).want(t, 403, acme, "Not for this account")
	if got := w.named("Acme Logistics").Weight; got != 1 {
		t.Errorf("weight %d, want it unchanged", got)
	}
	if strings.Contains(v.get("/imports").body, "/fairness") {
		t.Error("the navigation offers what is refused")
	}
	w.operator = true
	v.get("/imports").want(t, 200, "/imports", `href="/fairness"`)
	v.get("/cluster").want(t, 200, "/cluster", "0–6, 9")
	if live := v.get("/fairness/live"); live.status != 200 || strings.Contains(live.body, "<html") {
		t.Errorf("the live part: %d, or a whole page", live.status)
	}
}

func TestFairnessFormSteersAnAccount(t *testing.T) {
	w := newDemo()
	w.operator = true
	v := visit(t, w).signIn(w)
	v.get("/fairness").want(t, 200, "/fairness", "Of 1,240 waits, 52 % ended before the median estimate and 91 % before the upper one.")
	whale := w.named("Northwind Wholesale")
	path := "/fairness/" + string(whale.ID)
	for _, tt := range []struct{ weight, limit, says string }{
		{"7", "3", "weight 7, at most 3 batches in flight"},
		{"7", "1", "weight 7, at most 1 batch in flight"},
		{"2", "0", "weight 2, paused"},
		{"16", "", "weight 16, no cap"},
	} {
		v.post(path, url.Values{"weight": {tt.weight}, "cap": {tt.limit}}).want(t, 200, "/fairness?changed="+string(whale.ID), tt.says)
		now := w.named("Northwind Wholesale")
		if got := (steerValues{now.Weight, now.Cap}).String(); got != tt.weight+"/"+tt.limit {
			t.Errorf("set %s/%s, got %s", tt.weight, tt.limit, got)
		}
	}
	for form, says := range map[[2]string]string{
		{"17", ""}: "weight must be from 1 to 16", {"", ""}: "weight must be from 1 to 16", {"4", "-1"}: "cap must be from 0 to 100000", {"4", "many"}: "cap must be from 0 to 100000",
	} {
		v.post(path, url.Values{"weight": {form[0]}, "cap": {form[1]}}).want(t, 400, path, "Northwind Wholesale: "+says)
	}
	if got := w.named("Northwind Wholesale").Weight; got != 16 {
		t.Errorf("weight %d after refusals, want 16", got)
	}
	none := "/fairness/" + string(bulk.NewAccountID())
	v.post(none, url.Values{"weight": {"4"}}).want(t, 404, none, "does not exist")
	w.queues[0].Accounts, w.queues[1].Accounts = nil, nil
	if page := v.get("/fairness"); !strings.Contains(page.body, "Nobody can tell what waits") || strings.Contains(page.body, "Nothing waits") {
		t.Error("with a silent dispatcher, nothing is said to wait")
	}
	w.nodes = nil
	v.get("/fairness").want(t, 200, "/fairness", "Nothing waits")
}

// steerValues are what a form sets.
type steerValues struct {
	weight int
	limit  *int
}

func (s steerValues) String() string {
	if s.limit == nil {
		return fmt.Sprintf("%d/", s.weight)
	}
	return fmt.Sprintf("%d/%d", s.weight, *s.limit)
}

func TestImportPageSaysWhyItWaits(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	waiting := w.of("crm-export-2026-11.csv")
	path := "/imports/" + string(waiting.ID)
	v.get(path).want(t, 200, path, "It begins most likely within 3 s, almost certainly within 12 s.")
	w.waits = map[bulk.ImportID]bulk.Wait{waiting.ID: {Waiting: 100, InFlight: 4, Reason: bulk.WaitsForNothing}}
	if strings.Contains(v.get(path).body, "data-waits") {
		t.Error("an import in flight whose next batch only needs a slot is said to wait")
	}
	w.waits = nil
	v.get(path).want(t, 200, path, "on its way to a dispatcher")
	if done := v.get("/imports/" + string(w.of("opt-outs.csv").ID)); strings.Contains(done.body, "data-waits") {
		t.Error("a finished import is said to wait")
	}
}

func TestUnknownPagesLookLikePages(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	for _, path := range []string{"/imports/" + string(bulk.NewImportID()), "/imports/nonsense", "/datasets/none", "/nowhere"} {
		v.get(path).want(t, 404, path, "does not exist")
	}
}

func TestFormStreamsTheFile(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	post := func(file string, fields ...string) pageAnswer {
		var b bytes.Buffer
		form := multipart.NewWriter(&b)
		for i := 0; i < len(fields); i += 2 {
			form.WriteField(fields[i], fields[i+1])
		}
		part, err := form.CreateFormFile("file", file)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, "email\na@example.com\nb@example.com\n")
		form.Close()
		return v.send(http.MethodPost, "/imports", form.FormDataContentType(), &b)
	}
	post(`C:\files\two.csv`, "dataset", "contacts", "mode", "create", "delimiter", "tab", "on_error", "5%", "dry_run", "true").want(t, 200, "/imports/imp_", "Completed")
	imp := w.of("two.csv")
	if o := imp.Options; o.Dialect.Delimiter != "\t" || o.OnError != "5%" || !o.DryRun || imp.Mode != bulk.ModeCreate {
		t.Errorf("choices are lost: %+v", imp.Import)
	}
	if imp.Rows.Created != 2 {
		t.Errorf("created %d rows, want 2", imp.Rows.Created)
	}
	post("x.csv", "dataset", "contacts", "on_error", "maybe").want(t, 400, "/imports", "on_error is")
	post("", "dataset", "contacts").want(t, 400, "/imports", "Choose a file.")
}

func TestDatasetFiles(t *testing.T) {
	w := newDemo()
	v := visit(t, w).signIn(w)
	a := v.get("/datasets/contacts/template.csv")
	a.want(t, 200, "/datasets/", "email,full_name,country,birth_date,credit_limit,plan,signed_up_at,newsletter\n")
	if !strings.Contains(a.header.Get("Content-Disposition"), "contacts-template.csv") {
		t.Errorf("the template has no name: %v", a.header)
	}
	v.get("/datasets/contacts/sample.csv").want(t, 200, "/datasets/", "person20@example.com,Full name 20,")
}

func TestSampleObeysRules(t *testing.T) {
	spec := bulk.Spec{Key: []string{"id"}, Columns: []bulk.Column{
		{Name: "id", Type: bulk.TypeInteger, Min: "100"},
		{Name: "code", Type: bulk.TypeText, Pattern: "[A-Z]{2}-[0-9]{4}"},
		{Name: "day", Type: bulk.TypeDate, Format: "DD.MM.YYYY"},
		{Name: "rate", Type: bulk.TypeDecimal, Max: "3"},
		{Name: "odd", Type: bulk.TypeText, Pattern: "q{9}"},
	}}
	rows := sampleFile(spec, 5)
	want := []string{"104", "AB-0005", "19.01.2024", "3.00", ""}
	for i, got := range rows[5] {
		if got != want[i] {
			t.Errorf("%s: got %q, want %q", spec.Columns[i].Name, got, want[i])
		}
	}
}
