package check

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// scraped are the labels that Prometheus itself sets; role comes from relabeling.
var scraped = []string{"job", "instance", "role", "le"}

// checkQuery parses a query and holds its metrics and labels against the program's.
func checkQuery(t *testing.T, query string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s\n%v", query, err)
		return
	}
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			checkSelector(t, query, s, path)
		}
		return nil
	})
}

func checkSelector(t *testing.T, query string, s *parser.VectorSelector, path []parser.Node) {
	t.Helper()
	p := theProgram(t)
	name, bucket := strings.CutSuffix(s.Name, "_bucket")
	m, known := p.metrics[name]
	foreign := s.Name == "up" || strings.HasPrefix(s.Name, "process_") || strings.HasPrefix(s.Name, "go_")
	if !foreign && (!known || m.histogram != bucket) {
		t.Errorf("%s\nthe program has no metric %s", query, s.Name)
		return
	}
	may := append(slices.Clone(scraped), m.labels...)
	for _, match := range s.LabelMatchers {
		if match.Name == model.MetricNameLabel {
			continue
		}
		if !slices.Contains(may, match.Name) {
			t.Errorf("%s\n%s has no label %s", query, s.Name, match.Name)
		}
		for value := range strings.SplitSeq(match.Value, "|") {
			if slices.Contains(m.labels, match.Name) && !p.strings[value] {
				t.Errorf("%s\nthe program knows no %s %q", query, match.Name, value)
			}
		}
	}
	for _, n := range path {
		a, ok := n.(*parser.AggregateExpr)
		if !ok || a.Without {
			continue
		}
		for _, by := range a.Grouping {
			if !slices.Contains(may, by) {
				t.Errorf("%s\n%s has no label %s to group by", query, s.Name, by)
			}
		}
	}
}
