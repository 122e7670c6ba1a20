package check

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

func TestHelmFindsNothingToSay(t *testing.T) {
	version, err := common.ParseKubeVersion("v1.33.0")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range variants {
		for _, m := range lint.RunAll(chartDir, valuesOf(t, file), "data", lint.WithKubeVersion(version)).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

func TestEveryRoleIsADeployment(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		var got []string
		for _, d := range all[*apps.Deployment](in) {
			c := d.Spec.Template.Spec.Containers[0]
			got = append(got, c.Name)
			if !slices.Equal(c.Args, []string{c.Name}) || d.Name != "imports-bulkhead-"+c.Name {
				t.Errorf("%s runs %v", d.Name, c.Args)
			}
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(longRunning)); !slices.Equal(got, want) {
			t.Errorf("deployments %v, want %v", got, want)
		}
	})
	without := render(t, map[string]any{"analytics": map[string]any{"enabled": false}})
	for _, d := range all[*apps.Deployment](without) {
		if strings.HasSuffix(d.Name, "mirror") {
			t.Error("a mirror runs without analytics")
		}
	}
}

func TestMigrationComesFirst(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		jobs := all[*batch.Job](in)
		if len(jobs) != 1 || jobs[0].Annotations["helm.sh/hook"] != "pre-install,pre-upgrade" {
			t.Fatalf("jobs %v, want one hook", jobs)
		}
		pod := jobs[0].Spec.Template.Spec
		if !slices.Equal(pod.Containers[0].Args, []string{"migrate"}) || pod.ServiceAccountName != "" {
			t.Errorf("the hook runs %v as %q, which does not exist yet", pod.Containers[0].Args, pod.ServiceAccountName)
		}
	})
}

// Every selector means the pods of exactly the roles that it is for.
func TestSelectorsMatchLabels(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		check := func(what string, s *meta.LabelSelector, want ...string) {
			t.Helper()
			selector, err := meta.LabelSelectorAsSelector(s)
			if err != nil {
				t.Fatal(err)
			}
			if got := chosen(in, selector); !slices.Equal(got, want) {
				t.Errorf("%s selects %v, want %v", what, got, want)
			}
		}
		everyone := slices.Sorted(slices.Values(longRunning))
		for _, d := range all[*apps.Deployment](in) {
			role := d.Spec.Template.Spec.Containers[0].Name
			check(d.Name, d.Spec.Selector, role)
			for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
				check(d.Name+" spread", c.LabelSelector, role)
			}
		}
		budgets := all[*policy.PodDisruptionBudget](in)
		for _, b := range budgets {
			check(b.Name, b.Spec.Selector, strings.TrimPrefix(b.Name, "imports-bulkhead-"))
		}
		policies := all[*networking.NetworkPolicy](in)
		for _, n := range policies {
			check(n.Name, &n.Spec.PodSelector, strings.TrimPrefix(n.Name, "imports-bulkhead-"))
		}
		if len(budgets) != len(everyone) || len(policies) != len(everyone) {
			t.Errorf("%d budgets and %d policies for %d roles", len(budgets), len(policies), len(everyone))
		}
		for _, s := range all[*core.Service](in) {
			want := []string{"console"}
			if strings.HasSuffix(s.Name, "-metrics") {
				want = everyone
			}
			check(s.Name, &meta.LabelSelector{MatchLabels: s.Spec.Selector}, want...)
		}
	})
}

// chosen are the containers of the pods that a selector means, migration included.
func chosen(in installation, s labels.Selector) (out []string) {
	for _, d := range all[*apps.Deployment](in) {
		if s.Matches(labels.Set(d.Spec.Template.Labels)) {
			out = append(out, d.Spec.Template.Spec.Containers[0].Name)
		}
	}
	for _, j := range all[*batch.Job](in) {
		if s.Matches(labels.Set(j.Spec.Template.Labels)) {
			out = append(out, "migrate")
		}
	}
	slices.Sort(out)
	return out
}

func TestPortsLeadToTheProgram(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		for _, d := range all[*apps.Deployment](in) {
			c := d.Spec.Template.Spec.Containers[0]
			if len(c.Ports) != 1 || c.Ports[0].Name != "http" || c.Ports[0].ContainerPort != 8080 {
				t.Errorf("%s has ports %v", d.Name, c.Ports)
			}
			env := variables(c)
			if env["BULKHEAD_LISTEN"] != ":8080" || !strings.HasSuffix(env["BULKHEAD_ADVERTISE"], ":8080") {
				t.Errorf("%s listens on %q and says %q", d.Name, env["BULKHEAD_LISTEN"], env["BULKHEAD_ADVERTISE"])
			}
			for path, p := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
				if p == nil || p.HTTPGet.Path != path || p.HTTPGet.Port != intstr.FromString("http") {
					t.Errorf("%s probes %+v, want %s", d.Name, p, path)
				}
			}
			if c.StartupProbe == nil || c.StartupProbe.HTTPGet.Path != "/healthz" {
				t.Errorf("%s has startup probe %+v", d.Name, c.StartupProbe)
			}
		}
		for _, n := range all[*networking.NetworkPolicy](in) {
			for _, rule := range n.Spec.Ingress {
				if len(rule.Ports) != 1 || *rule.Ports[0].Port != intstr.FromString("http") {
					t.Errorf("%s lets in to %v", n.Name, rule.Ports)
				}
			}
		}
		for _, s := range all[*core.Service](in) {
			if len(s.Spec.Ports) != 1 || s.Spec.Ports[0].Name != "http" || s.Spec.Ports[0].TargetPort != intstr.FromString("http") {
				t.Errorf("%s has ports %v", s.Name, s.Spec.Ports)
			}
		}
	})
}

func TestMonitorFindsTheMetricsService(t *testing.T) {
	in := render(t, valuesOf(t, variants["full"]))
	monitors := all[*monitoring.ServiceMonitor](in)
	if len(monitors) != 1 || monitors[0].Labels["release"] != "prometheus" {
		t.Fatalf("monitors %v", monitors)
	}
	selector, err := meta.LabelSelectorAsSelector(&monitors[0].Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range all[*core.Service](in) {
		if selector.Matches(labels.Set(s.Labels)) {
			found = append(found, s.Name)
		}
	}
	if !slices.Equal(found, []string{"imports-bulkhead-metrics"}) || monitors[0].Spec.Endpoints[0].Port != "http" {
		t.Errorf("the monitor finds %v", found)
	}
}

// The autoscaler owns the number of processors and follows a metric that the adapter serves.
func TestProcessorsScaleByWaitingBatches(t *testing.T) {
	in := render(t, valuesOf(t, variants["full"]))
	scalers := all[*autoscaling.HorizontalPodAutoscaler](in)
	if len(scalers) != 1 {
		t.Fatalf("%d autoscalers", len(scalers))
	}
	s := scalers[0].Spec
	for _, d := range all[*apps.Deployment](in) {
		if (d.Name == s.ScaleTargetRef.Name) != (d.Spec.Replicas == nil) {
			t.Errorf("%s asks for %v replicas itself", d.Name, d.Spec.Replicas)
		}
	}
	data, err := os.ReadFile("../monitoring/prometheus-adapter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var adapter struct {
		Rules struct {
			External []struct {
				SeriesQuery  string
				Name         struct{ As string }
				MetricsQuery string
			}
		}
	}
	if err := yaml.Unmarshal(data, &adapter); err != nil {
		t.Fatal(err)
	}
	rule := adapter.Rules.External[0]
	checkQuery(t, rule.SeriesQuery)
	checkQuery(t, rule.MetricsQuery)
	if m := s.Metrics[0].External; m.Metric.Name != rule.Name.As || m.Target.AverageValue.Value() != 16 {
		t.Errorf("follows %+v, the adapter serves %s", m, rule.Name.As)
	}
}

// The ingress publishes every route of the console except those of the operator's network.
func TestIngressPublishesEveryRoute(t *testing.T) {
	in := render(t, valuesOf(t, variants["full"]))
	ingresses := all[*networking.Ingress](in)
	if len(ingresses) != 1 {
		t.Fatalf("%d ingresses", len(ingresses))
	}
	paths := ingresses[0].Spec.Rules[0].HTTP.Paths
	services := map[string]bool{}
	for _, s := range all[*core.Service](in) {
		services[s.Name+"/"+s.Spec.Ports[0].Name] = true
	}
	for _, p := range paths {
		if b := p.Backend.Service; !services[b.Name+"/"+b.Port.Name] {
			t.Errorf("%s leads to %+v", p.Path, b)
		}
	}
	routes := theProgram(t).routes
	for _, route := range routes {
		inside := slices.Contains([]string{"/metrics", "/healthz", "/readyz"}, route)
		published := slices.ContainsFunc(paths, func(p networking.HTTPIngressPath) bool {
			path := strings.TrimSuffix(route, "{$}")
			return path == p.Path || *p.PathType == networking.PathTypePrefix && strings.HasPrefix(path, p.Path+"/")
		})
		if published == inside {
			t.Errorf("%s: published is %s", route, strconv.FormatBool(published))
		}
	}
}
