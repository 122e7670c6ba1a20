package console

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// view is a page in a state to look at: what shows that it is there, what the world lacks
// first, and what is done on it.
type view struct {
	name, path, wait string
	world            func(w *demo)
	steps            []step
}

// views are every page in every state. What changes the world for good comes last.
func views(t *testing.T, w *demo) []view {
	of := func(file string) string { return "/imports/" + string(w.of(file).ID) }
	choose := func(name, text string) step {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return chromedp.SetUploadFiles("#file", []string{path})
	}
	contacts := chromedp.SetUploadFiles("#file", []string{writeContacts(t, 200)})
	preview := chromedp.WaitVisible("#preview .mapping")
	signedIn := maps.Clone(w.session)
	signOut := func(w *demo) { w.session = map[string]bool{} }
	before, scenes := w.demoCluster, w.scenes()
	views := []view{
		{name: "imports", path: "/imports", wait: "table"},
		{name: "imports-filtered", path: "/imports?state=failed", wait: "table"},
		{name: "imports-none", path: "/imports?q=zzz", wait: ".empty"},
		{name: "import-open", path: of("inventory-berlin.csv"), wait: "[data-mode=live]"},
		{name: "import-receiving", path: of("newsletter-signups.csv"), wait: "[data-mode=live]"},
		{name: "import-silent", path: of("suppliers-q4.csv"), wait: "#silent"},
		{name: "import-validating", path: of("price-list.csv"), wait: "[data-mode=live]"},
		{name: "import-approval", path: of("leads-trade-fair.csv"), wait: "[data-mode=live]"},
		{name: "import-waiting", path: of("crm-export-2026-11.csv"), wait: "[data-waits]"},
		{name: "import-paused", path: of("partners-emea.csv.gz"), wait: "[data-mode=live]"},
		{name: "import-cancelling", path: of("returns-2026.csv"), wait: "[data-mode=live]"},
		{name: "import-completed", path: of("opt-outs.csv"), wait: ".receipt"},
		{name: "import-rejects", path: of("contacts-full-dump.csv"), wait: ".receipt", steps: []step{chromedp.Click("#batch-table summary")}},
		{name: "import-failed", path: of("legacy-crm.txt"), wait: ".receipt"},
		{name: "import-unmapped", path: of("preisliste.csv"), wait: ".receipt"},
		{name: "import-cancelled", path: of("test-upload.csv"), wait: ".receipt"},
		{name: "import-cancel-dialog", path: of("crm-export-2026-11.csv"), wait: "[data-mode=live]", steps: []step{chromedp.Click("#cancel"), chromedp.WaitVisible("#cancel-dialog[open]")}},
		{name: "cancel", path: of("crm-export-2026-11.csv") + "/cancel", wait: ".confirm"},
		{name: "new", path: "/imports/new", wait: "#start", steps: []step{chromedp.Click(".dialect summary")}},
		{name: "new-preview", path: "/imports/new", wait: "#start", steps: []step{contacts, preview}},
		{name: "new-unmapped", path: "/imports/new", wait: "#start", steps: []step{choose("unmapped.csv", "who,name of it\nann@example.com,Ann\n"), preview}},
		{name: "new-refused", path: "/imports/new", wait: "#start", steps: []step{choose("empty.csv", ""), chromedp.WaitVisible("[data-refused]")}},
		{name: "new-two-files", path: "/imports/new", wait: "#start", steps: []step{dropped("a.csv b.csv"), chromedp.WaitVisible("#new-error")}},
		{name: "datasets", path: "/datasets", wait: "table"},
		{name: "dataset", path: "/datasets/contacts", wait: "table.records"},
		{name: "dataset-empty", path: "/datasets/products", wait: "table"},
		{name: "usage", path: "/usage", wait: ".usage"},
		{name: "fairness", path: "/fairness", wait: "[data-mode=live]"},
		{name: "fairness-changed", path: "/fairness?changed=" + string(w.account.ID), wait: "#changed", steps: []step{chromedp.Click("#idle summary")}},
		{name: "cluster", path: "/cluster", wait: "[data-mode=live]"},
	}
	views = append(views, scenes...)
	return append(views, []view{
		{name: "help", path: "/imports", wait: "table", steps: []step{chromedp.KeyEvent("?"), chromedp.WaitVisible("#help[open]")}},
		{name: "signed-in", path: "/signed-in", wait: "[data-signed-in]"},
		{name: "not-found", path: "/imports/imp_nothing", wait: ".problem"},
		{name: "no-address", path: "/nothing/here", wait: ".problem"},
		{name: "broken", path: "/usage", wait: ".problem", world: func(w *demo) { w.broken = true }},
		{name: "forbidden", path: "/fairness", wait: ".problem", world: func(w *demo) { w.broken, w.operator = false, false }},
		{name: "fairness-unknown", path: "/fairness", wait: ".empty", world: func(w *demo) {
			w.demoCluster = before
			w.operator = true
			for i := range w.queues {
				w.queues[i].Accounts = nil
			}
		}},
		{name: "fairness-none", path: "/fairness", wait: ".empty", world: func(w *demo) { w.nodes = nil }},
		{name: "cluster-none", path: "/cluster", wait: ".empty"},
		{name: "first", path: "/imports", wait: ".empty", world: func(w *demo) { w.imports = nil }},
		{name: "no-datasets", path: "/datasets", wait: ".empty", world: func(w *demo) { w.bare = true }},
		{name: "new-no-datasets", path: "/imports/new", wait: ".empty"},
		{name: "new-signed-out", path: "/imports/new", wait: "#start", world: func(w *demo) { w.bare = false }, steps: []step{
			contacts, preview, expires(w), chromedp.Click(".dialect summary"), chromedp.SetValue("select[name=delimiter]", ","), chromedp.WaitVisible("#signed-out"),
		}},
		{name: "login", path: "/login", wait: ".login", world: signOut},
		{name: "login-key-help", path: "/login", wait: ".login", steps: []step{chromedp.Click("#key-help summary")}},
		{name: "login-refused", path: "/login", wait: ".login", steps: []step{chromedp.SetValue("input[name=key]", "bhk_wrong"), chromedp.Submit(".login form"), chromedp.WaitVisible("#login-error")}},
		{name: "login-link", path: w.link(), wait: ".login"},
		{name: "not-found-signed-out", path: "/nothing/here", wait: ".problem"},
		// The last one, for it asks before it is left.
		{name: "new-sending", path: "/imports/new", wait: "#start", world: func(w *demo) { w.stuck, w.session = true, signedIn }, steps: []step{contacts, preview, chromedp.Click("#start"), chromedp.WaitVisible("#sending")}},
	}...)
}

// expires ends every session while a page is open.
func expires(w *demo) step {
	return chromedp.Func(func(context.Context, *chromedp.Target) error {
		w.expire()
		return nil
	})
}

// prepare makes the world that the view needs.
func (w *demo) prepare(v view) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v.world != nil {
		v.world(w)
	}
}
