package console

import (
	"context"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
)

// signInElsewhere signs in again as the notice on the page says: in another tab.
func signInElsewhere(t *testing.T, ctx context.Context, base string, w *demo) {
	t.Helper()
	tab, stop := chromedp.NewContext(ctx)
	defer stop()
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil { // opens it, not for one step alone
		t.Fatal(err)
	}
	do(t, tab, chromedp.Navigate(base+w.link()), chromedp.Submit("main form"), located(base+"/imports"),
		chromedp.Navigate(base+"/signed-in?from=%2Fimports%2Fnew"), chromedp.WaitVisible("[data-signed-in]"))
}

// A session that ends while somebody fills in the form costs nothing that they chose.
func TestBrowserExpiredSessionKeepsTheForm(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx, chromedp.Navigate(base+"/imports/new"), chromedp.SetUploadFiles("#file", []string{writeContacts(t, 3000)}),
		chromedp.WaitVisible("#preview .mapping"), chromedp.SetValue("select[data-map=Comment]", "country"), chromedp.SetValue("select[data-map='Country code']", ""))
	w.expire()
	do(t, ctx, chromedp.Click("#start"), chromedp.WaitVisible("#signed-out a[target=_blank]"), says("#new-error", "You were signed out"))
	signInElsewhere(t, ctx, base, w)
	do(t, ctx, chromedp.WaitNotVisible("#signed-out"), until("document.querySelector('select[data-map=Comment]').value === 'country'"))
	w.expire()
	do(t, ctx, chromedp.Click(".dialect summary"), chromedp.SetValue("select[name=delimiter]", ","), chromedp.WaitVisible("#signed-out"),
		until("!document.querySelector('#preview').textContent.includes('API key') && Boolean(document.querySelector('#preview .mapping'))"))
	signInElsewhere(t, ctx, base, w)
	do(t, ctx, chromedp.WaitNotVisible("#signed-out"), until("!document.querySelector('#preview[aria-busy]')"),
		chromedp.Click("#start"), located(base+"/imports/imp_"), says(".title-row", "Completed"))
}

// A session that ends while a file is sent stops it until somebody signs in again.
func TestBrowserExpiredSessionKeepsTheUpload(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx, chromedp.Navigate(base+"/imports/new"), chromedp.SetUploadFiles("#file", []string{writeContacts(t, 3000)}), chromedp.WaitVisible("#preview .mapping"))
	w.mu.Lock()
	w.expiring = true
	w.mu.Unlock()
	do(t, ctx, chromedp.Click("#start"), chromedp.WaitVisible("#signed-out"), says("#sending", "signed out"))
	signInElsewhere(t, ctx, base, w)
	do(t, ctx, located(base+"/imports/imp_"), says(".title-row", "Completed"), says("#part-outcomes", "3,000"))
}

// A page that lives says that it does not any more, and goes on.
func TestBrowserExpiredSessionIsSaidOnLivePages(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	running := w.of("crm-export-2026-11.csv")
	for _, path := range []string{"/imports/" + string(running.ID), "/imports"} {
		do(t, ctx, chromedp.Navigate(base+path), chromedp.WaitVisible("main h1"))
		w.expire()
		w.change(running.ID, func(i *demoImport) error { i.Version++; return nil })
		do(t, ctx, chromedp.WaitVisible("#signed-out"), until("!document.querySelector('main').textContent.includes('API key')"))
		if path != "/imports" {
			do(t, ctx, says("[data-live-word]", "Signed out"))
		}
		signInElsewhere(t, ctx, base, w)
		do(t, ctx, chromedp.WaitNotVisible("#signed-out"))
		if path != "/imports" {
			do(t, ctx, says("[data-live-word]", "Live"))
		}
	}
}

func TestSignedOutPeopleComeBackToWhereTheyWere(t *testing.T) {
	w := newDemo()
	v := visit(t, w)
	id := string(w.of("crm-export-2026-11.csv").ID)
	from := func(path string) []string { return []string{"Referer", v.base + path} }
	for _, tt := range []struct {
		method, path string
		header       []string
		next         string
	}{
		{"POST", "/imports/" + id + "/pause", from("/imports/" + id), "/imports/" + id},
		{"POST", "/imports", from("/imports/new?dataset=contacts"), "/imports/new?dataset=contacts"},
		{"POST", "/imports", []string{"Referer", "https://elsewhere.example/imports/new"}, ""},
		{"GET", "/v1/imports/" + id + "/rejects.csv", []string{"Sec-Fetch-Mode", "navigate"}, "/v1/imports/" + id + "/rejects.csv"},
	} {
		want := "/login"
		if tt.next != "" {
			want += "?" + url.Values{"next": {tt.next}}.Encode()
		}
		v.send(tt.method, tt.path, "", nil, tt.header...).want(t, 200, want, "API key")
	}
	// What scripts fetch is never the sign-in page.
	for _, path := range []string{"/imports/" + id + "/live", "/fairness/live", "/cluster/live", "/v1/imports/" + id + "/events"} {
		v.get(path).want(t, 401, path, "")
	}
	v.post("/imports/preview?dataset=contacts", nil).want(t, 401, "/imports/preview", "")
}

// Who is signed in keeps the navigation wherever they end up; who is not finds a way in.
func TestProblemsLeadOn(t *testing.T) {
	w := newDemo()
	v := visit(t, w)
	for _, path := range []string{"/nothing/here", "/imports/imp_nothing"} {
		stranger := v.get(path)
		if path == "/nothing/here" {
			stranger.want(t, 404, path, `href="/login?next=%2Fnothing%2Fhere"`)
		}
	}
	v.signIn(w)
	for path, status := range map[string]int{"/nothing/here": 404, "/imports/imp_nothing": 404, "/datasets/nothing": 404, "/fairness": 403} {
		v.get(path).want(t, status, path, `<nav class="nav"`)
		v.get(path).want(t, status, path, "Acme Logistics")
	}
}
