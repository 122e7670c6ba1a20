// Package web is what the console looks like: templ pages and parts, and the
// static files they need.
//
// View models go in, HTML comes out. Nothing here reads a request, a clock or a
// store, so a page is a pure function of its model and can be looked at without
// a server. The pages are whole without JavaScript; the scripts add live
// progress, previews and resumable uploads, and never draw what the server can
// render: they ask for a fragment and put it in place.
//
// Every page obeys a Content-Security-Policy of 'self' alone: no inline script,
// no style attribute. Bars are SVG, whose sizes are attributes.
//
// Generated files (*_templ.go) and the one vendored script are committed.
// After a change to a .templ file: go generate ./web. To raise the vendored
// script: change package.json, then npm ci && npm run vendor.
package web

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate
