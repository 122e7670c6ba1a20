package check

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Values that would make a broken or unsafe installation are refused before anything is rendered.
func TestSchemaRefuses(t *testing.T) {
	for _, tt := range []struct{ values, names string }{
		{`proccessor: {replicas: 3}`, "proccessor"},
		{`processor: {slots: 0}`, "slots"},
		{`ingest: {batchRows: 10000}`, "batchRows"},
		{`processor: {goMemLimit: 1Gi}`, "goMemLimit"},
		{`image: {tag: latest}`, "tag"},
		{`image: {digest: sha256:12}`, "digest"},
		{`brokers: {addresses: []}`, "addresses"},
		{`brokers: {addresses: [kafka]}`, "addresses"},
		{`brokers: {sasl: {mechanism: gssapi}}`, "mechanism"},
		{`objects: {url: "s3://key:secret@bucket"}`, "url"},
		{`objects: {url: "file:///objects"}`, "url"},
		{`store: {secret: {name: Bulkhead}}`, "name"},
		{`store: {url: "postgres://bulkhead:secret@db/bulkhead"}`, "url"},
		{`console: {resources: {limits: {memory: null}}}`, "memory"},
		{`ingress: {paths: ["/"]}`, "paths"},
		{`podDisruptionBudget: {maxUnavailable: 0}`, "maxUnavailable"},
	} {
		t.Run(tt.values, func(t *testing.T) {
			values := map[string]any{}
			if err := yaml.UnmarshalStrict([]byte(tt.values), &values); err != nil {
				t.Fatal(err)
			}
			_, err := toValues(theChart(t), values)
			if err == nil || !strings.Contains(err.Error(), tt.names) {
				t.Errorf("got %v, want a refusal that names %s", err, tt.names)
			}
		})
	}
}
