// Package check holds the tests of what is deployed: the Helm chart, the Compose file,
// the image, the alerts, the dashboard and the description of the API. It is a module of its own so that the
// libraries that judge them (Helm's, Compose's, Prometheus', BuildKit's own and one for OpenAPI) weigh
// nothing on the program.
//
// The files are held against the program's source: a variable, a metric, a label or a
// route that the program does not have fails a test here, and so does a manifest that
// Kubernetes would not take.
//
//	cd deploy/check && go test -count=1 ./...
//
// The files lie outside this module, so the cache of go test does not see them change.
package check
