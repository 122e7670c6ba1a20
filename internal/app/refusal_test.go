package app_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"bulkhead/internal/bulk"
)

// sendsAllFirst is a client that looks for an answer once it has sent its body.
const sendsAllFirst = `
import http.client, json, sys
c = http.client.HTTPConnection(sys.argv[1])
c.request("POST", "/v1/imports?dataset=things&mode=upsert", open(sys.argv[3], "rb"), {"Authorization": "Bearer " + sys.argv[2], "Content-Type": "text/csv"})
r = c.getresponse()
print(r.status, r.getheader("Retry-After"), json.load(r)["code"])
`

// Every client sees why it is refused and when to come again, although it is still sending:
// nothing of a refusal is lost to a connection that is reset.
func TestEveryClientSeesItsRefusal(t *testing.T) {
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!doctype html><title>Shop</title>`)
	}))
	t.Cleanup(pages.Close)
	s := newSystemOn(t, "", pages.URL)
	c := s.account("full", 1000)
	for range bulk.DefaultLimits().OpenUploads {
		c.create("open.csv")
	}
	file := filepath.Join(t.TempDir(), "big.csv")
	c.must(os.WriteFile(file, bytes.Repeat([]byte("0123456789,abcdef\n"), 2<<20), 0o600)) // 36 MiB
	upload := c.url + "/v1/imports?dataset=things&mode=upsert"
	const wanted = "503 2 too_many_uploads"

	t.Run("Go", func(t *testing.T) {
		c := c.in(t)
		for _, chunked := range []bool{false, true} {
			for range 3 {
				f, err := os.Open(file)
				c.must(err)
				var body io.Reader = f
				if chunked {
					body = io.MultiReader(f)
				}
				a, err := c.ask(http.MethodPost, "/v1/imports?dataset=things&mode=upsert", body, http.Header{"Content-Type": {"text/csv"}})
				c.must(err)
				f.Close()
				var p problem
				c.must(json.Unmarshal(a.body, &p))
				if got := fmt.Sprint(a.status, " ", a.header.Get("Retry-After"), " ", p.Code); got != wanted {
					t.Errorf("chunked %v: got %s, want %s", chunked, got, wanted)
				}
			}
		}
	})
	for name, flags := range map[string][]string{
		"curl":                       nil,
		"curl without Expect":        {"-H", "Expect:"},
		"curl in chunks":             {"-H", "Transfer-Encoding: chunked"},
		"curl in HTTP/1.0":           {"--http1.0"},
		"curl, which retries at 503": {"--retry", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			curl := realClient{name: "curl", command: []string{"curl"}, dir: ".", needs: "."}
			curl.installed(t)
			command := append([]string{
				"-s", "-S", "-X", "POST", "-T", file, "-H", "Content-Type: text/csv", "-H", "Authorization: Bearer " + c.key,
				"-w", "%{http_code} %header{retry-after}", upload,
			}, flags...)
			said, err := exec.CommandContext(t.Context(), "curl", command...).CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(said)), "\n")
			var p problem
			if err != nil || len(lines) < 2 || json.Unmarshal([]byte(lines[len(lines)-2]), &p) != nil || lines[len(lines)-1]+" "+p.Code != wanted {
				t.Errorf("curl ended with %v and said\n%s, want %s", err, said, wanted)
			}
		})
	}
	t.Run("Python, which sends all before it reads", func(t *testing.T) {
		python := realClient{name: "Python", command: []string{"python3"}, dir: ".", needs: "."}
		python.installed(t)
		said, err := exec.CommandContext(t.Context(), "python3", "-c", sendsAllFirst, strings.TrimPrefix(c.url, "http://"), c.key, file).CombinedOutput()
		if got := strings.TrimSpace(string(said)); err != nil || got != wanted {
			t.Errorf("Python ended with %v and said\n%s, want %s", err, got, wanted)
		}
	})
	t.Run("Chromium", func(t *testing.T) {
		path := cmp.Or(os.Getenv("BULKHEAD_TEST_CHROMIUM"), "/usr/bin/chromium")
		browser := realClient{name: "Chromium", command: []string{path}, dir: ".", needs: "."}
		if _, err := exec.LookPath(path); err != nil {
			browser.needs = path
		}
		browser.installed(t)
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		t.Cleanup(cancel)
		ctx, cancel = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU)
		t.Cleanup(cancel)
		ctx, cancel = chromedp.NewContext(ctx)
		t.Cleanup(cancel)
		c := c.in(t)
		c.must(chromedp.Do(ctx, chromedp.Navigate(pages.URL)))
		for range 3 {
			said, err := chromedp.Run(ctx, chromedp.Evaluate[string](fmt.Sprintf(`fetch(%q, {method: "POST", headers: {"Authorization": "Bearer " + %q, "Content-Type": "text/csv"},
				body: new Blob([new Uint8Array(36 << 20)])}).then(async (r) => r.status + " " + r.headers.get("Retry-After") + " " + (await r.json()).code)`, upload, c.key), chromedp.EvalAwaitPromise))
			if c.must(err); said != wanted {
				t.Errorf("the page saw %q, want %q", said, wanted)
			}
		}
	})
}
