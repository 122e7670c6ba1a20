package console

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// demoPage is a page to look at, and what shows that it is there.
type demoPage struct{ name, path, wait string }

func demoPages(w *demo) []demoPage {
	return []demoPage{
		{"imports", "/imports", "table"},
		{"imports-none", "/imports?q=zzz", ".empty"},
		{"import-running", "/imports/" + string(w.of("crm-export-2026-11.csv").ID), "[data-mode=live]"},
		{"import-receiving", "/imports/" + string(w.of("newsletter-signups.csv").ID), "[data-mode=live]"},
		{"import-approval", "/imports/" + string(w.of("leads-trade-fair.csv").ID), "[data-mode=live]"},
		{"import-paused", "/imports/" + string(w.of("partners-emea.csv.gz").ID), "[data-mode=live]"},
		{"import-rejects", "/imports/" + string(w.of("contacts-full-dump.csv").ID), ".receipt"},
		{"import-failed", "/imports/" + string(w.of("legacy-crm.txt").ID), ".receipt"},
		{"import-cancelled", "/imports/" + string(w.of("test-upload.csv").ID), ".receipt"},
		{"cancel", "/imports/" + string(w.of("crm-export-2026-11.csv").ID) + "/cancel", ".confirm"},
		{"new", "/imports/new", "#start"},
		{"new-preview", "/imports/new", "#start"},
		{"datasets", "/datasets", "table"},
		{"dataset", "/datasets/contacts", "table"},
		{"usage", "/usage", ".usage"},
		{"fairness", "/fairness", "[data-mode=live]"},
		{"fairness-changed", "/fairness?changed=" + string(w.account.ID), "#changed"},
		{"cluster", "/cluster", "[data-mode=live]"},
		{"not-found", "/imports/imp_nothing", ".problem"},
		{"login", "/login", ".login"},
		{"first", "/imports", ".empty"},
		{"fairness-unknown", "/fairness", ".empty"},
		{"fairness-none", "/fairness", ".empty"},
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

// No page is wider than the narrowest window that WCAG 2.2 asks for (reflow, 1.4.10).
func TestBrowserPagesFitNarrowWindows(t *testing.T) {
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	for _, p := range demoPages(w) {
		w.prepare(p.name)
		do(t, ctx, chromedp.EmulateViewport(320, 640), chromedp.Navigate(base+p.path), chromedp.WaitVisible(p.wait))
		over, err := chromedp.Run(ctx, chromedp.Evaluate[int]("document.documentElement.scrollWidth - innerWidth"))
		if err != nil {
			t.Fatal(err)
		}
		if over > 0 {
			t.Errorf("%s is %d px wider than its window", p.name, over)
		}
	}
}

// TestScreenshots writes a picture of every page, light and dark, wide and narrow, to
// the directory BULKHEAD_SCREENSHOTS, for people to look at.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("BULKHEAD_SCREENSHOTS")
	if dir == "" {
		t.Skip("set BULKHEAD_SCREENSHOTS to a directory")
	}
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	file := writeContacts(t, 200)
	for _, p := range demoPages(w) {
		w.prepare(p.name)
		for _, theme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 360} {
				name := p.name + "-" + theme + map[int64]string{1280: "", 360: "-narrow"}[width] + ".png"
				media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
				if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
					t.Fatal(err)
				}
				do(t, ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(base+p.path), chromedp.WaitVisible(p.wait))
				if p.name == "new-preview" {
					do(t, ctx, chromedp.SetUploadFiles("#file", []string{file}), chromedp.WaitVisible("#preview .mapping"))
				}
				shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), shot, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
