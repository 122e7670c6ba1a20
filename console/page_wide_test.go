package console

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bulkhead/internal/bulk"
)

// wideFile writes a file of n columns, c0 to c<n-1>, and 30 rows.
func wideFile(t *testing.T, n int) (path string) {
	t.Helper()
	header, row := make([]string, n), make([]string, n)
	for i := range n {
		header[i], row[i] = fmt.Sprintf("c%d", i), "x"
	}
	text := strings.Join(header, ",") + strings.Repeat("\n"+strings.Join(row, ","), 30) + "\n"
	path = filepath.Join(t.TempDir(), "wide.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The preview of a wide file leaves the page usable, and each choice still has every
// column once it is made.
func TestBrowserPreviewsAWideFile(t *testing.T) {
	w := newDemo()
	for i := len(w.spec.Columns); i < 1024; i++ {
		w.spec.Columns = append(w.spec.Columns, bulk.Column{Name: fmt.Sprintf("target_%d", i), Type: bulk.TypeText})
	}
	base := w.serve(t)
	ctx := chromium(t, base, w)
	do(t, ctx, chromedp.Navigate(base+"/imports/new"), chromedp.SetUploadFiles("#file", []string{wideFile(t, 1001)}),
		chromedp.WaitVisible("#preview .mapping"), until("document.querySelectorAll('select[data-map]').length === 1001"),
		until("document.querySelectorAll('*').length < 25000"), until("document.querySelector('#map-7').options.length <= 2"))
	do(t, ctx, chromedp.Focus("#map-7"), until("document.querySelector('#map-7').options.length === 1025"),
		chromedp.SetValue("#map-7", "target_1000"), until("document.querySelector('#map-7').value === 'target_1000'"))
	picture(t, ctx, os.Getenv("BULKHEAD_SCREENSHOTS"), "new-preview-wide")
}

// A page whose live events are refused asks by itself and does not look broken.
func TestBrowserLivePageWithoutEvents(t *testing.T) {
	w := newDemo()
	base := w.serve(t, func(c *Config) {
		c.Limits = bulk.DefaultLimits()
		c.Limits.EventStreams = 0
	})
	ctx := chromium(t, base, w)
	running := w.of("newsletter-signups.csv")
	do(t, ctx, chromedp.Navigate(base+"/imports/"+string(running.ID)), says("[data-live-word]", "Live"))
	if _, err := w.Cancel(ctx, w.account.ID, running.ID); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, says(".title-row", "Cancelled"), chromedp.WaitNotPresent("[data-live-badge]"))
}
