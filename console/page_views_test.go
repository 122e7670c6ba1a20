package console

// demoPage is a page to look at, what shows that it is there, and what is done on it first.
type demoPage struct {
	name, path, wait string
	steps            []step
}

func demoPages(w *demo) []demoPage {
	return []demoPage{
		{name: "imports", path: "/imports", wait: "table"},
		{name: "imports-none", path: "/imports?q=zzz", wait: ".empty"},
		{name: "import-running", path: "/imports/" + string(w.of("crm-export-2026-11.csv").ID), wait: "[data-mode=live]"},
		{name: "import-receiving", path: "/imports/" + string(w.of("newsletter-signups.csv").ID), wait: "[data-mode=live]"},
		{name: "import-approval", path: "/imports/" + string(w.of("leads-trade-fair.csv").ID), wait: "[data-mode=live]"},
		{name: "import-paused", path: "/imports/" + string(w.of("partners-emea.csv.gz").ID), wait: "[data-mode=live]"},
		{name: "import-rejects", path: "/imports/" + string(w.of("contacts-full-dump.csv").ID), wait: ".receipt"},
		{name: "import-failed", path: "/imports/" + string(w.of("legacy-crm.txt").ID), wait: ".receipt"},
		{name: "import-cancelled", path: "/imports/" + string(w.of("test-upload.csv").ID), wait: ".receipt"},
		{name: "cancel", path: "/imports/" + string(w.of("crm-export-2026-11.csv").ID) + "/cancel", wait: ".confirm"},
		{name: "new", path: "/imports/new", wait: "#start"},
		{name: "new-preview", path: "/imports/new", wait: "#start"},
		{name: "datasets", path: "/datasets", wait: "table"},
		{name: "dataset", path: "/datasets/contacts", wait: "table"},
		{name: "usage", path: "/usage", wait: ".usage"},
		{name: "fairness", path: "/fairness", wait: "[data-mode=live]"},
		{name: "fairness-changed", path: "/fairness?changed=" + string(w.account.ID), wait: "#changed"},
		{name: "cluster", path: "/cluster", wait: "[data-mode=live]"},
		{name: "not-found", path: "/imports/imp_nothing", wait: ".problem"},
		{name: "login", path: "/login", wait: ".login"},
		{name: "first", path: "/imports", wait: ".empty"},
		{name: "fairness-unknown", path: "/fairness", wait: ".empty"},
		{name: "fairness-none", path: "/fairness", wait: ".empty"},
	}
}

// prepare takes away what the page is to lack; such pages come last.
func (w *demo) prepare(page string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch page {
	case "first":
		w.imports = nil
	case "fairness-unknown":
		for i := range w.queues {
			w.queues[i].Accounts = nil
		}
	case "fairness-none":
		w.nodes = nil
	}
}
