package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"sync"
	"time"
)

//go:embed static
var staticFiles embed.FS

type staticFile struct {
	data []byte
	hash string // the first 16 hex digits of its SHA-256
}

// assets reads and hashes the embedded files once; paths begin after "static/".
var assets = sync.OnceValue(func() map[string]staticFile {
	all := map[string]staticFile{}
	err := fs.WalkDir(staticFiles, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := staticFiles.ReadFile(path)
		sum := sha256.Sum256(data)
		all[path[len("static/"):]] = staticFile{data, hex.EncodeToString(sum[:8])}
		return err
	})
	if err != nil {
		panic(err) // an embedded file that cannot be read is a broken build
	}
	return all
})

// Asset returns the URL of a static file. It names the content, so a browser may
// keep the answer for ever.
func Asset(name string) string {
	a, ok := assets()[name]
	if !ok {
		panic("no such asset: " + name)
	}
	return "/static/" + name + "?v=" + a.hash
}

// Static serves the static files below /static/. An address that names the
// current content is immutable; any other is revalidated by its ETag.
func Static() http.Handler {
	return http.StripPrefix("/static/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets()[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"`+a.hash+`"`)
		w.Header().Set("Cache-Control", "no-cache")
		if r.URL.Query().Get("v") == a.hash {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.ServeContent(w, r, r.URL.Path, time.Time{}, bytes.NewReader(a.data))
	}))
}
