package console

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"bulkhead/internal/bulk"
)

// chromium starts Chromium and signs it in. Anything that a page writes to the console
// as an error, a violated Content-Security-Policy included, fails the test.
func chromium(t *testing.T, base string, w *demo) context.Context {
	t.Helper()
	path := cmp.Or(os.Getenv("BULKHEAD_TEST_CHROMIUM"), "/usr/bin/chromium")
	if _, err := exec.LookPath(path); err != nil {
		if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
			t.Fatalf("Chromium is required: %v", err)
		}
		t.Skipf("SKIPPED: no Chromium at %s (set BULKHEAD_TEST_CHROMIUM)", path)
	}
	flags := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU}
	for _, f := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars"} {
		flags = append(flags, chromedp.Flag(f, true))
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // starts it
		t.Fatal(err)
	}
	watchConsole(t, ctx)
	ctx, stop = context.WithTimeout(ctx, 10*time.Minute) // for all that a test looks at
	t.Cleanup(stop)
	do(t, ctx, chromedp.Navigate(base+w.link()), chromedp.Click("main button"), located(base+"/imports"), chromedp.WaitVisible("main h1"))
	return ctx
}

// watchConsole fails the test for errors on the browser's console. A failed request
// is not one: pages ask for what may be gone.
func watchConsole(t *testing.T, ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(done)
		for m, err := range messages {
			if err == nil && (m.Type == chromedp.ConsoleError || m.IsException()) && m.Source != "network" {
				t.Errorf("browser console: %s (%s:%d)", m.Text, m.URL, m.Line+1)
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

type step = chromedp.Action[chromedp.Void]

func do(t *testing.T, ctx context.Context, steps ...step) {
	t.Helper()
	for i, s := range steps {
		limited, stop := context.WithTimeout(ctx, 20*time.Second)
		err := chromedp.Do(limited, s)
		stop()
		if err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
}

// until waits for an expression to become true, on whatever page a navigation ends.
func until(expression string) step {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		for {
			_, err := chromedp.Poll[bool](expression)(ctx, target)
			if err == nil {
				return nil
			}
			if ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context") {
				return fmt.Errorf("waiting for %s: %w", expression, err)
			}
		}
	})
}

// located waits until the browser is at an address that begins so.
func located(prefix string) step {
	return until(fmt.Sprintf("location.href.startsWith(%q) && document.readyState === 'complete'", prefix))
}

// says waits until an element's text contains a phrase.
func says(selector, phrase string) step {
	return until(fmt.Sprintf("(document.querySelector(%q)?.textContent ?? '').includes(%q)", selector, phrase))
}

func TestBrowserListFiltersAndShortcuts(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx,
		chromedp.WaitVisible("table.imports"), says("tbody", "crm-export-2026-11.csv"),
		chromedp.KeyEvent("/"), until("document.activeElement.id === 'search'"),
		chromedp.SetValue("#search", "trade"), chromedp.KeyEvent("\r"), located(base+"/imports?q=trade"),
		says("tbody", "leads-trade-fair.csv"),
		chromedp.Navigate(base+"/imports?q=nothing-like-it"), says("#list", "Nothing found"),
		chromedp.KeyEvent("gu"), located(base+"/usage"), says("main", "3,412,806"),
		chromedp.KeyEvent("gd"), located(base+"/datasets"),
		chromedp.Click(".row-link"), located(base+"/datasets/contacts"), says("main", "one of free, team, business"),
		chromedp.KeyEvent("?"), chromedp.WaitVisible("#help[open]"),
		chromedp.Click("#help button"), chromedp.WaitNotPresent("#help[open]"),
		chromedp.Click("[data-theme-choice=dark]"), chromedp.WaitVisible("html[data-theme=dark]"),
		chromedp.Reload(), chromedp.WaitVisible("html[data-theme=dark]"),
	)
}

func TestBrowserImportIsLiveAndCanBeSteered(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	running := w.of("crm-export-2026-11.csv")
	page := base + "/imports/" + string(running.ID)
	do(t, ctx, chromedp.Navigate(page), says("[data-live-word]", "Live"), says(".title-row", "Processing"))
	w.change(running.ID, func(i *demoImport) error {
		i.Rows.Created += 4242
		i.say(time.Now().UTC(), "state", "A milestone worth hearing.")
		return nil
	})
	do(t, ctx, says("#announce", "A milestone worth hearing."), says("#part-events", "A milestone worth hearing."))
	do(t, ctx,
		chromedp.Click("#pause"), chromedp.WaitVisible("#resume"), says(".title-row", "Paused"),
		chromedp.Click("#resume"), chromedp.WaitVisible("#pause"),
		chromedp.Click("#cancel"), chromedp.WaitVisible("#cancel-dialog[open]"), says("#cancel-dialog", "no further row"),
		chromedp.Click("#cancel-dialog [data-close]"), chromedp.WaitNotPresent("#cancel-dialog[open]"),
		chromedp.Click("#cancel"), chromedp.WaitVisible("#cancel-dialog[open]"),
		chromedp.Click("#cancel-dialog button"), says(".title-row", "Cancelled"), says("#part-receipt", "Receipt"),
	)
	dry := w.of("leads-trade-fair.csv")
	do(t, ctx, chromedp.Navigate(base+"/imports/"+string(dry.ID)), says("#part-message", "Nothing has been written yet"),
		chromedp.Click("#approve"), says(".title-row", "Processing"))
}

func TestBrowserLivePageEndsByItself(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	running := w.of("newsletter-signups.csv")
	do(t, ctx, chromedp.Navigate(base+"/imports/"+string(running.ID)), says("[data-live-word]", "Live"))
	if _, err := w.Cancel(ctx, w.account.ID, running.ID); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, says(".title-row", "Cancelled"), says("#part-receipt", "Receipt"), chromedp.WaitNotPresent("[data-live-badge]"))
}

func TestBrowserPreviewsAndUploads(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	file := writeContacts(t, 3000)
	do(t, ctx, chromedp.Navigate(base+"/imports/new"), chromedp.SetUploadFiles("#file", []string{file}),
		chromedp.WaitVisible("#preview .mapping"), says("#preview", "exact"), says("[data-drop-title]", "contacts.csv"),
		chromedp.SetValue("select[data-map=Comment]", "country"),
		chromedp.Click("#start"), says("#new-error", "Two columns of the file go to country"),
		chromedp.SetValue("select[data-map='Country code']", ""),
		chromedp.Click("#start"), located(base+"/imports/imp_"), says(".title-row", "Completed"), says("#part-outcomes", "3,000"),
	)
	imp := w.of("contacts.csv")
	if got := imp.Options.Mapping["Comment"]; got != "country" {
		t.Errorf("mapping of Comment: got %q, want country", got)
	}
	if got, ok := imp.Options.Mapping["Country code"]; !ok || got != "" {
		t.Errorf("mapping of Country code: got %q, %v, want it left out", got, ok)
	}
	if imp.Mode != "upsert" {
		t.Errorf("mode: got %q, want upsert", imp.Mode)
	}
}

// An upload that a reload broke off goes on where it was when the file is chosen again.
func TestBrowserContinuesUpload(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	file := writeContacts(t, 500)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	imp := w.of("newsletter-signups.csv")
	w.change(imp.ID, func(i *demoImport) error {
		*i = demoImport{Import: i.Import}
		i.Bytes.Received, i.Bytes.Total = 0, int64(len(data))
		i.take(data[:1000], int64(len(data)))
		return nil
	})
	do(t, ctx, chromedp.Navigate(base+"/imports/"+string(imp.ID)), chromedp.Click("#continue summary"),
		chromedp.SetUploadFiles("[data-continue]", []string{file}), says(".title-row", "Completed"))
	if got := w.of("newsletter-signups.csv").Bytes.Received; got != int64(len(data)) {
		t.Errorf("received %d bytes, want %d", got, len(data))
	}
}

func TestBrowserWithoutJavaScript(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	running := w.of("crm-export-2026-11.csv")
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(base+"/imports/new"),
		chromedp.SetUploadFiles("#file", []string{writeContacts(t, 40)}), chromedp.Submit("#new-import"), chromedp.WaitVisible("#part-receipt .receipt"),
		chromedp.Navigate(base+"/imports/"+string(running.ID)), chromedp.Click("#cancel"), chromedp.WaitVisible(".confirm"),
		chromedp.Click(".confirm button"), chromedp.WaitVisible(".badge[data-state=cancelled]"))
	if got := w.of("contacts.csv").Rows.Created; got != 40 {
		t.Errorf("created %d rows, want 40", got)
	}
}

func TestBrowserFairnessIsLiveAndSteers(t *testing.T) {
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	whale, bakery := w.named("Northwind Wholesale"), w.named("Bluebird Bakery")
	row := func(a bulk.Account, what string) string { return fmt.Sprintf("#%s-%s", what, a.ID) }
	do(t, ctx,
		chromedp.KeyEvent("gf"), located(base+"/fairness"), says("[data-live-word]", "Live"), says("#part-shares", "Northwind Wholesale"),
		chromedp.SetValue(row(whale, "weight"), "9"), chromedp.SetValue(row(whale, "cap"), "5"), chromedp.Click(row(whale, "set")),
		located(base+"/fairness?changed="), says("#changed", "weight 9, at most 5 batches in flight"), says(row(whale, "row"), "3 of 5"),
	)
	if now := w.named("Northwind Wholesale"); now.Weight != 9 || now.Cap == nil || *now.Cap != 5 {
		t.Errorf("the account is %+v, want weight 9 and cap 5", now)
	}
	// While a form is being filled in, its row stays as it is and the others live on.
	do(t, ctx, chromedp.Focus(row(bakery, "weight")), chromedp.SetValue(row(bakery, "weight"), "3"))
	w.mu.Lock()
	for i := range w.queues[0].Accounts {
		w.queues[0].Accounts[i].Waiting += 10_000
	}
	w.mu.Unlock()
	do(t, ctx, says(row(whale, "row"), "11,204"), until(fmt.Sprintf("document.activeElement.id === %q && document.activeElement.value === '3'", row(bakery, "weight")[1:])),
		chromedp.KeyEvent("\r"), located(base+"/fairness?changed="), says("#changed", "Bluebird Bakery: weight 3, no cap"), says(row(bakery, "row"), "10,005"))
	// The worst pair is kept true, and what is beyond its bound is told at once.
	do(t, ctx, says("#part-pair", "29 % of the bound"), chromedp.Click("#bound-says summary"), chromedp.WaitVisible("#bound-says[open]"))
	w.mu.Lock()
	w.lag = demoLag(whale, bakery, []float64{0.4, 1.25})
	w.mu.Unlock()
	do(t, ctx, says("#part-pair", "125 % of the bound"), says("#part-unfair", "Northwind Wholesale and Bluebird Bakery"), says("#part-pair .badge", "Beyond the bound"), chromedp.WaitVisible("#bound-says[open]"))
	// Accounts come and go, and what somebody opened stays open.
	do(t, ctx, chromedp.Click("#idle summary"), chromedp.WaitVisible("#idle[open]"))
	w.mu.Lock()
	w.queues = w.queues[:1]
	w.mu.Unlock()
	do(t, ctx, says("#idle", "Contoso Retail Group International"), chromedp.WaitVisible("#idle[open]"), says("#part-silent", "2 dispatchers did not answer"))
}

func TestBrowserClusterIsLive(t *testing.T) {
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx, chromedp.KeyEvent("gc"), located(base+"/cluster"), says("[data-live-word]", "Live"), says("#part-members", "Draining"), says("#part-members", "does not answer"))
	w.mu.Lock()
	gone := w.nodes[0]
	w.nodes = w.nodes[1:]
	w.mu.Unlock()
	do(t, ctx, until(fmt.Sprintf("!document.getElementById('row-%s')", gone.ID)))
}

// An import's own state does not change while it waits, but its place does.
func TestBrowserWaitIsKeptTrue(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	waiting := w.of("crm-export-2026-11.csv")
	do(t, ctx, chromedp.Navigate(base+"/imports/"+string(waiting.ID)), says("[data-live-word]", "Live"), says(".wait", "almost certainly within 12 s"))
	for reason, phrase := range map[bulk.WaitReason]string{bulk.WaitsForCap: "as many batches in flight as it may have at once", bulk.WaitsForRetry: "They are tried again by themselves"} {
		w.mu.Lock()
		w.waits[waiting.ID] = bulk.Wait{Waiting: 133, Reason: reason, Place: 1}
		w.mu.Unlock()
		do(t, ctx, says(".wait", phrase))
	}
}

func TestBrowserFairnessWithoutJavaScript(t *testing.T) {
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	whale := w.named("Northwind Wholesale")
	do(t, ctx, chromedp.Navigate(base+"/fairness"), chromedp.SendKeys("#cap-"+string(whale.ID), "0"), chromedp.Click("#set-"+string(whale.ID)),
		chromedp.WaitVisible("#changed"), chromedp.WaitVisible("#row-"+string(whale.ID)+" .tag.warn"))
	if now := w.named("Northwind Wholesale"); now.Cap == nil || *now.Cap != 0 || now.Weight != 4 {
		t.Errorf("the account is %+v, want it paused and its weight kept", now)
	}
}

func writeContacts(t *testing.T, rows int) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("email,full name,Country code,Birth date,plan,Comment\n")
	for i := range rows {
		fmt.Fprintf(&b, "person%d@example.com,\"Person %d\",DE,1990-01-%02d,team,met at the fair\n", i, i, i%28+1)
	}
	path := filepath.Join(t.TempDir(), "contacts.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dropped lets files of these names fall onto the page.
func dropped(names string) step {
	return until(fmt.Sprintf(`(() => {
		const carried = new DataTransfer();
		for (const name of %q.split(" ")) carried.items.add(new File(["email,full name\nann@example.com,Ann\n"], name));
		document.querySelector("h1").dispatchEvent(new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true}));
		return true;
	})()`, names))
}

func TestBrowserTakesOneFileAtATime(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx, chromedp.Navigate(base+"/imports/new"), dropped("a.csv b.csv"), says("#new-error", "These are 2 files, and an import takes one"),
		until("document.querySelector('#file').files.length === 0"),
		dropped("b.csv"), says("[data-drop-title]", "b.csv"), chromedp.WaitVisible("#preview .mapping"), chromedp.WaitNotVisible("#new-error"))
}

// Start is offered exactly when nothing is known that would refuse the file.
func TestBrowserOffersStartOnlyWhenItCanBegin(t *testing.T) {
	w := newDemo()
	base := w.serve(t)
	ctx := chromium(t, base, w)
	file := func(name, text string) step {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return chromedp.SetUploadFiles("#file", []string{path})
	}
	do(t, ctx, chromedp.Navigate(base+"/imports/new"),
		file("empty.csv", ""), says("#preview", "This file would be refused"), until("document.querySelector('#start').disabled"), says("#start-says", "would be refused"),
		until("!document.querySelector('#missing')"), // nothing stands below it that could be mended
		file("unmapped.csv", "who,name of it\nann@example.com,Ann\n"), says("#missing", "email full_name"), until("document.querySelector('#start').disabled"), says("#start-says", "email, full_name"),
		chromedp.SetValue("select[data-map=who]", "email"), says("#start-says", "goes to full_name"),
		chromedp.SetValue("select[data-map='name of it']", "full_name"), until("document.querySelector('#missing').hidden && !document.querySelector('#start').disabled"),
		says("#start-says", "You can watch every row land"),
	)
}
