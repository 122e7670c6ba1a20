package check

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeFile = "../compose/compose.yaml"

// composed loads the file as `docker compose` does, with every profile and no more set
// than it insists on.
func composed(t *testing.T) *types.Project {
	t.Helper()
	env := []string{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z0-9_]+):\?`).FindAllStringSubmatch(composeText(t), -1) {
		env = append(env, m[1]+"=0123abcd")
	}
	o, err := cli.NewProjectOptions([]string{composeFile}, cli.WithEnv(env), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func composeText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func exampleEnv(t *testing.T) map[string]string {
	t.Helper()
	env, err := dotenv.Read("../compose/.env.example")
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// longRunning are the roles that never end by themselves.
var longRunning = []string{"console", "ingest", "dispatcher", "processor", "mirror"}

func TestComposeRunsEveryRole(t *testing.T) {
	p, known := composed(t), theProgram(t).variables
	for _, role := range append(longRunning, "migrate") {
		s, err := p.GetService(role)
		if err != nil {
			t.Error(err)
			continue
		}
		if !slices.Equal(s.Command, []string{role}) {
			t.Errorf("%s runs %v", role, s.Command)
		}
		for name, value := range s.Environment {
			if strings.HasPrefix(name, "BULKHEAD_") && !known[name] {
				t.Errorf("%s is given %s, which the program does not read", role, name)
			}
			if (value == nil || *value == "") && name != "BULKHEAD_ALLOWED_ORIGINS" { // there may be none
				t.Errorf("%s: %s is empty", role, name)
			}
		}
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s may write or keeps capabilities", role)
		}
		if role != "migrate" && (s.StopGracePeriod == nil || time.Duration(*s.StopGracePeriod) <= drain) {
			t.Errorf("%s has %v to drain, want more than %s", role, s.StopGracePeriod, drain)
		}
		if role != "console" && len(s.Ports) > 0 {
			t.Errorf("%s publishes ports", role)
		}
	}
	for _, role := range longRunning {
		if c := p.Services[role].DependsOn["migrate"].Condition; c != types.ServiceConditionCompletedSuccessfully {
			t.Errorf("%s starts when migrate is %q", role, c)
		}
	}
}

func TestComposeBuildsTheImage(t *testing.T) {
	p, names := composed(t), []string{}
	for _, s := range stages(t) {
		names = append(names, s.Name)
	}
	for _, role := range append(longRunning, "migrate") {
		build := p.Services[role].Build
		if build == nil || build.Dockerfile != "deploy/image/Dockerfile" || !slices.Contains(names, build.Target) {
			t.Errorf("%s is built by %+v; stages are %v", role, build, names)
		}
	}
}

func TestComposeWaitsForWhatIsHealthy(t *testing.T) {
	p := composed(t)
	for name, s := range p.Services {
		if name != "migrate" && (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) {
			t.Errorf("%s has no health check", name)
		}
		for on, d := range s.DependsOn {
			if h := p.Services[on].HealthCheck; d.Condition == types.ServiceConditionHealthy && (h == nil || h.Disable) {
				t.Errorf("%s waits for %s to be healthy, which nothing checks", name, on)
			}
		}
		if s.Image != "bulkhead:compose" && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s is published on %q, want loopback unless told otherwise", name, port.HostIP)
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
	}
}

func TestComposeAsksForWhatTheExampleNames(t *testing.T) {
	example, asked := exampleEnv(t), map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{([A-Z0-9_]+)`).FindAllStringSubmatch(composeText(t), -1) {
		asked[m[1]] = true
		if _, ok := example[m[1]]; !ok {
			t.Errorf(".env.example does not name %s", m[1])
		}
	}
	for name := range example {
		if !asked[name] {
			t.Errorf(".env.example names %s, which nothing uses", name)
		}
	}
}
