package check

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// dashboard is the part of Grafana's model that the checks look at.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct {
			Name string `json:"name"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Title      string `json:"title"`
	Repeat     string `json:"repeat"`
	Datasource struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	GridPos struct{ X, Y, W, H int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

func theDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	data, err := os.ReadFile("../monitoring/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	d, shown := theDashboard(t), map[string]bool{}
	for _, p := range d.Panels {
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("panel %q asks nothing, or a fixed data source", p.Title)
		}
		stages := []string{""}
		if p.Repeat == "stage" {
			stages = []string{"stage", "read", "validate", "commit"}
		}
		for _, target := range p.Targets {
			for _, stage := range stages {
				checkQuery(t, strings.NewReplacer("$__rate_interval", "5m", "$job", "bulkhead", "$stage", stage).Replace(target.Expr))
			}
			for name := range theProgram(t).metrics {
				if strings.Contains(target.Expr, name) {
					shown[name] = true
				}
			}
		}
	}
	for name := range theProgram(t).metrics {
		if strings.HasPrefix(name, "bulkhead_") && !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
	}
}

func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	d, ids := theDashboard(t), map[int]bool{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.GridPos.W < 1 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q has a used id or leaves the grid", p.Title)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if by, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("panel %q lies over %q", p.Title, by)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}
