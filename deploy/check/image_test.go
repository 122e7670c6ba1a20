package check

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages parses the Dockerfile with BuildKit's parser and its lint rules.
func stages(t *testing.T) []instructions.Stage {
	t.Helper()
	f, err := os.Open("../image/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, desc, url, msg string, at []parser.Range) {
		t.Errorf("%s: %s %v", rule, msg, at)
	}})
	all, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func commands[T any](s instructions.Stage) (out []T) {
	for _, c := range s.Commands {
		if c, ok := c.(T); ok {
			out = append(out, c)
		}
	}
	return out
}

// pinned is an image with a tag that says which version it is, or a digest.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+(:v?\d+\.\d+[A-Za-z0-9._-]*|@sha256:[a-f0-9]{64}|/distroless/(?:base|static)-debian\d+:nonroot)$`)

func TestImageIsSmallAndSafe(t *testing.T) {
	all := stages(t)
	names := map[string]bool{}
	for _, s := range all {
		for _, from := range append([]string{s.BaseName}, sources(s)...) {
			if !names[from] && !pinned.MatchString(from) {
				t.Errorf("stage %s takes from %q, which is neither a stage nor a pinned image", s.Name, from)
			}
		}
		names[s.Name] = true
	}
	last := all[len(all)-1]
	if last.Name != "release" || last.BaseName != "base" || len(last.Commands) != 0 {
		t.Errorf("the default stage is %q from %q, want the bare release", last.Name, last.BaseName)
	}
	base := all[slices.IndexFunc(all, func(s instructions.Stage) bool { return s.Name == "base" })]
	if users := commands[*instructions.UserCommand](base); len(users) != 1 || users[0].User != "65532:65532" {
		t.Errorf("user is %v, want the one of the chart", users)
	}
	if !slices.ContainsFunc(commands[*instructions.CopyCommand](base), func(c *instructions.CopyCommand) bool {
		return c.From == "" && slices.Equal(c.SourcePaths, []string{"LICENSE", "NOTICE"})
	}) {
		t.Error("the image is without the licences of what is in it")
	}
	entries := commands[*instructions.EntrypointCommand](base)
	if len(entries) != 1 || entries[0].PrependShell || !slices.Equal(entries[0].CmdLine, []string{"/usr/bin/bulkhead"}) {
		t.Errorf("entry point is %v, want the binary without a shell", entries)
	}
	if ports := commands[*instructions.ExposeCommand](base); len(ports) != 1 || !slices.Equal(ports[0].Ports, []string{"8080"}) {
		t.Errorf("exposes %v", ports)
	}
}

// A binary that asks for the C library does not start where there is none: the kernel
// then says that the file itself is missing.
func TestImageHasTheLibraryThatTheBinaryAsksFor(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Dir, list.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	deps, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "gcr.io/distroless/static-debian12:nonroot"
	if strings.Contains(string(deps), "github.com/ebitengine/purego\n") {
		want = "gcr.io/distroless/base-debian12:nonroot"
	}
	for _, s := range stages(t) {
		if s.Name == "base" && s.BaseName != want {
			t.Errorf("base stands on %s, the binary wants %s", s.BaseName, want)
		}
	}
}

func TestImageBuildsWithoutCAndWithTheModulesGo(t *testing.T) {
	build := stages(t)[0]
	run := commands[*instructions.RunCommand](build)
	if len(run) != 1 || !strings.Contains(strings.Join(run[0].CmdLine, " "), "go build -trimpath") {
		t.Errorf("build runs %v", run)
	}
	static := slices.ContainsFunc(commands[*instructions.EnvCommand](build), func(e *instructions.EnvCommand) bool {
		return slices.ContainsFunc(e.Env, func(kv instructions.KeyValuePair) bool { return kv.String() == "CGO_ENABLED=0" })
	})
	if !static {
		t.Error("the build may link C")
	}
	mod, err := os.ReadFile(root + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(mod))
	if want == nil || !strings.HasPrefix(build.BaseName, "golang:"+want[1]+".") {
		t.Errorf("built with %s, the module wants %v", build.BaseName, want)
	}
}

// sources are the images and stages that a stage copies from.
func sources(s instructions.Stage) (out []string) {
	for _, c := range commands[*instructions.CopyCommand](s) {
		if c.From != "" {
			out = append(out, c.From)
		}
	}
	return out
}
