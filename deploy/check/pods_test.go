package check

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// drain is how long a role may take to end what it has.
const drain = 30 * time.Second

// pods are those of every role and of the migration, by what they run.
func pods(in installation) map[string]core.PodSpec {
	out := map[string]core.PodSpec{}
	for _, d := range all[*apps.Deployment](in) {
		out[d.Spec.Template.Spec.Containers[0].Name] = d.Spec.Template.Spec
	}
	for _, j := range all[*batch.Job](in) {
		out["migrate"] = j.Spec.Template.Spec
	}
	return out
}

// variables are the values that are set in the open; "" stands for a reference.
func variables(c core.Container) map[string]string {
	out := map[string]string{}
	for _, e := range c.Env {
		out[e.Name] = e.Value
	}
	return out
}

// needs are the variables without which a role does not start, as its configuration says.
var needs = map[string][]string{
	"console":    {"BULKHEAD_STORE", "BULKHEAD_OBJECTS", "BULKHEAD_CLUSTER_SECRET", "BULKHEAD_SECURE_COOKIES", "BULKHEAD_ALLOWED_ORIGINS"},
	"ingest":     {"BULKHEAD_STORE", "BULKHEAD_OBJECTS", "BULKHEAD_CLUSTER_SECRET", "BULKHEAD_BROKERS", "BULKHEAD_BATCH_ROWS"},
	"dispatcher": {"BULKHEAD_STORE", "BULKHEAD_OBJECTS", "BULKHEAD_CLUSTER_SECRET", "BULKHEAD_BROKERS"},
	"processor":  {"BULKHEAD_STORE", "BULKHEAD_OBJECTS", "BULKHEAD_CLUSTER_SECRET", "BULKHEAD_SLOTS"},
	"mirror":     {"BULKHEAD_STORE", "BULKHEAD_OBJECTS", "BULKHEAD_BROKERS", "BULKHEAD_ANALYTICS"},
	"migrate":    {"BULKHEAD_STORE", "BULKHEAD_OPERATOR_KEY"},
}

func TestRolesAreToldWhatTheyNeed(t *testing.T) {
	known := theProgram(t).variables
	reference := regexp.MustCompile(`\$\((\w+)\)`)
	eachVariant(t, func(t *testing.T, in installation) {
		for role, pod := range pods(in) {
			seen := map[string]bool{}
			for _, e := range pod.Containers[0].Env {
				if strings.HasPrefix(e.Name, "BULKHEAD_") && !known[e.Name] {
					t.Errorf("%s is given %s, which the program does not read", role, e.Name)
				}
				if seen[e.Name] {
					t.Errorf("%s is given %s twice", role, e.Name)
				}
				for _, m := range reference.FindAllStringSubmatch(e.Value, -1) {
					if !seen[m[1]] {
						t.Errorf("%s: %s refers to %s, which is not set before", role, e.Name, m[1])
					}
				}
				seen[e.Name] = true
			}
			for _, name := range needs[role] {
				if !seen[name] {
					t.Errorf("%s lacks %s", role, name)
				}
			}
		}
	})
}

// No secret stands in a manifest, and none is given to a role that has no use for it.
func TestSecretsAreReferences(t *testing.T) {
	secret := regexp.MustCompile(`STORE|SECRET|PASSWORD|USER|ANALYTICS|KEY`)
	eachVariant(t, func(t *testing.T, in installation) {
		if n := len(all[*core.Secret](in)); n != 0 {
			t.Errorf("the chart makes %d secrets", n)
		}
		for role, pod := range pods(in) {
			for _, e := range pod.Containers[0].Env {
				if !secret.MatchString(e.Name) {
					continue
				}
				if e.Value != "" || e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil || e.ValueFrom.SecretKeyRef.Key == "" {
					t.Errorf("%s: %s is no reference to a secret", role, e.Name)
				}
				mine := slices.Contains(needs[role], e.Name) || strings.HasPrefix(e.Name, "AWS_") && role != "migrate" ||
					strings.HasPrefix(e.Name, "BULKHEAD_BROKER_") && slices.Contains(needs[role], "BULKHEAD_BROKERS")
				if !mine {
					t.Errorf("%s is given %s, which it does not need", role, e.Name)
				}
			}
		}
	})
}

func TestPodsAreHardened(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		for role, pod := range pods(in) {
			c := pod.Containers[0]
			p, s := pod.SecurityContext, c.SecurityContext
			if p == nil || !*p.RunAsNonRoot || *p.RunAsUser != 65532 || p.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: pod security %+v", role, p)
			}
			if s == nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
				t.Errorf("%s: container security %+v", role, s)
			}
			if *pod.AutomountServiceAccountToken || *pod.EnableServiceLinks {
				t.Errorf("%s is told of the cluster", role)
			}
		}
	})
}

func TestPodsAreBounded(t *testing.T) {
	eachVariant(t, func(t *testing.T, in installation) {
		for role, pod := range pods(in) {
			c := pod.Containers[0]
			limit := c.Resources.Limits.Memory()
			if limit.IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().Cmp(*limit) > 0 {
				t.Errorf("%s has resources %+v", role, c.Resources)
			}
			if role == "migrate" {
				continue
			}
			soft, err := resource.ParseQuantity(strings.TrimSuffix(variables(c)["GOMEMLIMIT"], "B"))
			if err != nil || soft.IsZero() || float64(soft.Value()) > 0.9*float64(limit.Value()) {
				t.Errorf("%s: the collector works at %s, the kernel at %s (%v)", role, soft.String(), limit, err)
			}
			if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace <= drain {
				t.Errorf("%s is killed after %s, in the middle of draining", role, grace)
			}
		}
	})
}
