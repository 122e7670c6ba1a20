package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"

	"bulkhead/internal/sample"
)

// TestUppy uploads from a page of another origin, with Uppy in a real browser.
func TestUppy(t *testing.T) {
	t.Parallel()
	bundle := realClient{name: "Uppy", dir: "uppy", needs: "node_modules/upload.js", command: []string{cmp.Or(os.Getenv("BULKHEAD_TEST_CHROMIUM"), "/usr/bin/chromium")}}
	bundle.installed(t)
	if _, err := exec.LookPath(bundle.command[0]); err != nil {
		bundle.needs = bundle.command[0]
		bundle.installed(t)
	}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><meta charset="utf-8"><title>Shop</title><script src="upload.js"></script>`)
	})
	pages.HandleFunc("GET /upload.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/clients/uppy/node_modules/upload.js")
	})
	shop := httptest.NewServer(pages)
	t.Cleanup(shop.Close)

	s := newSystemOn(t, "", shop.URL)
	file, _ := contacts(t, sample.Options{Rows: rows(t, 8_000, 4_000), Seed: 6, RejectRate: 0.02, DuplicateRate: 0.01})
	c := s.account(t.Name(), 1_000_000).in(t)
	proxy := c.newCutter(t, len(file))

	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(bundle.command[0]), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	arguments, err := json.Marshal([]string{proxy.address() + "/v1/imports", c.key, "contacts", string(file)})
	c.must(err)
	c.must(chromedp.Do(ctx, chromedp.Navigate(shop.URL)))
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf("upload(...%s)", arguments), chromedp.EvalAwaitPromise))
	c.must(err)
	c.wantUncut(t, s, c.afterCuts(t, proxy, []byte(said)), file)
}
