package console

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The widths in which nothing may be wider than its place; WCAG 2.2 asks for the
// narrowest (reflow, 1.4.10). The others are usual, or just beside a breakpoint of app.css.
var widths = []int64{1440, 1024, 1000, 960, 821, 768, 620, 390, 320}

// audited are those of them at which axe looks and pictures are taken.
var audited = map[int64]bool{1440: true, 768: true, 390: true}

// finding is a rule that a page breaks, and where.
type finding struct {
	Rule  string   `json:"rule"`
	Nodes []string `json:"nodes"`
}

// axeRun holds a page against axe's rules, best practices included; dark, which differs
// from light in its colours alone, against those of colours.
const axeRun = `(only) => axe.run(document, {resultTypes: ["violations"], preload: false, ...only}).then((found) => found.violations.map(
	(v) => ({rule: v.id + ": " + v.help, nodes: v.nodes.map((n) => n.target.join(" ") + " " + n.html.slice(0, 160))})))`

var axeOptions = map[string]string{"light": "{}", "dark": `{runOnly: {type: "rule", values: ["color-contrast", "link-in-text-block"]}}`}

// overflow lists what is wider than the window, and what leaves its card or cell without being
// scrolled or clipped there.
const overflow = `(() => {
	const out = [], over = document.scrollingElement.scrollWidth - innerWidth;
	if (over > 0) out.push({rule: "the page is " + over + " px wider than its window", nodes: []});
	const hides = (el) => getComputedStyle(el).overflowX !== "visible";
	for (const card of document.querySelectorAll(".card, .notice, .header-row, .page-head, dialog[open], td, th, dd, .title-row, .actions")) {
		const right = card.getBoundingClientRect().right + 5; // buttons with an icon reach 4 px into the padding
		for (const el of card.querySelectorAll("*:not(option, svg *, .unseen *)")) {
			const box = el.getBoundingClientRect();
			if (!box.width || box.right <= right) continue;
			let at = el.parentElement;
			while (at !== card && !hides(at)) at = at.parentElement;
			if (at !== card || hides(card)) continue;
			out.push({rule: "leaves its place by " + Math.round(box.right - right) + " px", nodes: [el.outerHTML.slice(0, 120)]});
			break;
		}
	}
	return out;
})()`

// TestBrowserEveryPageInEveryLook holds every page and state, in both themes and at
// every width, against axe's rules, and sees that nothing is wider than its place. With
// BULKHEAD_SCREENSHOTS set to a directory it leaves pictures there, for people to look at.
func TestBrowserEveryPageInEveryLook(t *testing.T) {
	axe, dir := axeSource(t), os.Getenv("BULKHEAD_SCREENSHOTS")
	w := newDemo()
	w.operator = true
	base := w.serve(t)
	ctx := chromium(t, base, w)
	for _, p := range views(t, w) {
		t.Run(p.name, func(t *testing.T) {
			w.prepare(p)
			do(t, ctx, chromedp.Navigate(base+p.path), chromedp.WaitVisible(p.wait))
			do(t, ctx, p.steps...)
			run(t, ctx, chromedp.Evaluate[any](axe+"; undefined"))
			for theme, only := range axeOptions {
				setTheme(t, ctx, theme)
				for _, width := range widths {
					do(t, ctx, chromedp.EmulateViewport(width, 800))
					found := run(t, ctx, chromedp.Evaluate[[]finding](overflow))
					if audited[width] {
						found = append(found, run(t, ctx, chromedp.Evaluate[[]finding]("("+axeRun+")("+only+")", chromedp.EvalAwaitPromise))...)
						picture(t, ctx, dir, p.name+"-"+theme+"-"+strconv.FormatInt(width, 10))
					}
					for _, f := range found {
						t.Errorf("%s, %d px: %s %q", theme, width, f.Rule, f.Nodes[:min(3, len(f.Nodes))])
					}
				}
			}
		})
	}
}

// setTheme sets the theme of the system; nothing moves meanwhile.
func setTheme(t *testing.T, ctx context.Context, theme string) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		t.Fatal(err)
	}
}

func picture(t *testing.T, ctx context.Context, dir, name string) {
	t.Helper()
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), run(t, ctx, chromedp.FullScreenshot(100)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run[T any](t *testing.T, ctx context.Context, action chromedp.Action[T]) T {
	t.Helper()
	got, err := chromedp.Run(ctx, action)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// axeSource is axe-core, which .ci/run installs.
func axeSource(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "axe", "node_modules", "axe-core", "axe.min.js"))
	if err == nil {
		return string(source)
	}
	const how = "run npm ci --prefix console/testdata/axe"
	if os.Getenv("BULKHEAD_REQUIRE_SERVICES") == "1" {
		t.Fatalf("axe-core is required: %s", how)
	}
	t.Skipf("SKIPPED: no axe-core: %s", how)
	return ""
}
