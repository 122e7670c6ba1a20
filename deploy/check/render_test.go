package check

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	yamldocs "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/bulkhead"

// installation is a rendered chart.
type installation struct {
	objects []runtime.Object
	notes   string
}

// variants are the values that every law of the chart is checked with.
var variants = map[string]string{"defaults": "", "full": chartDir + "/ci/full-values.yaml"}

// eachVariant runs a check on each of them.
func eachVariant(t *testing.T, check func(t *testing.T, in installation)) {
	for name, file := range variants {
		t.Run(name, func(t *testing.T) { check(t, render(t, valuesOf(t, file))) })
	}
}

func valuesOf(t *testing.T, file string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if file == "" {
		return values
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func theChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// toValues checks values against the schema, as every command of Helm does.
func toValues(c *chart.Chart, values map[string]any) (common.Values, error) {
	return util.ToRenderValues(c, values, common.ReleaseOptions{Name: "imports", Namespace: "data", Revision: 1, IsInstall: true}, nil)
}

// render does what `helm template` does and decodes each manifest into the type that
// Kubernetes has for it; unknown and doubled fields fail.
func render(t *testing.T, values map[string]any) (in installation) {
	t.Helper()
	c := theChart(t)
	top, err := toValues(c, values)
	if err != nil {
		t.Fatal(err)
	}
	files, err := engine.Engine{Strict: true}.RenderWithContext(t.Context(), c, top)
	if err != nil {
		t.Fatal(err)
	}
	decode := strictDecoder(t)
	for name, text := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			in.notes = text
		}
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, doc := range documents(t, text) {
			o, _, err := decode.Decode(doc, nil, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, doc)
			}
			in.objects = append(in.objects, o)
		}
	}
	return in
}

func strictDecoder(t *testing.T) runtime.Decoder {
	t.Helper()
	s := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(s), monitoring.AddToScheme(s)); err != nil {
		t.Fatal(err)
	}
	return serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer()
}

// documents splits a file into those of its documents that hold more than comments.
func documents(t *testing.T, text string) (out [][]byte) {
	t.Helper()
	r := yamldocs.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		holds := func(line []byte) bool {
			line = bytes.TrimSpace(line)
			return len(line) > 0 && line[0] != '#' && string(line) != "---"
		}
		if slices.ContainsFunc(bytes.Split(doc, []byte("\n")), holds) {
			out = append(out, doc)
		}
	}
}

// all returns the objects of one type.
func all[T runtime.Object](in installation) (out []T) {
	for _, o := range in.objects {
		if o, ok := o.(T); ok {
			out = append(out, o)
		}
	}
	return out
}
