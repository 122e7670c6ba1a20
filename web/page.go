package web

import "time"

// Page is what the layout needs to know of any page.
type Page struct {
	Title     string
	Section   Section
	Path      string    // of the page, with its query; where to come back to
	Account   string    // of the header; "" when nobody is signed in
	AccountID string    // of it
	Operator  bool      // sees the pages of operators
	Now       time.Time // relative times count from here
	Refresh   int       // seconds after which a browser without JavaScript loads the page again; 0: never
	Scripts   []string  // besides app.js; names of static files
	Notice    string    // one sentence about what was just refused, shown above the page
}

// Section is an entry of the navigation.
type Section string

// The sections.
const (
	SectionImports  Section = "imports"
	SectionNew      Section = "new"
	SectionDatasets Section = "datasets"
	SectionUsage    Section = "usage"
	SectionFairness Section = "fairness" // operators
	SectionCluster  Section = "cluster"  // operators
)

type navItem struct {
	Section Section
	Title   string
	URL     string
	Icon    string
	Keys    string // second letter of the shortcut g …
}

func (p Page) nav() []navItem {
	items := []navItem{
		{SectionImports, "Imports", "/imports", "list", "i"},
		{SectionNew, "New import", "/imports/new", "plus", "n"},
		{SectionDatasets, "Datasets", "/datasets", "table", "d"},
		{SectionUsage, "Usage", "/usage", "gauge", "u"},
	}
	if p.Operator {
		items = append(items, navItem{SectionFairness, "Fairness", "/fairness", "scales", "f"}, navItem{SectionCluster, "Cluster", "/cluster", "servers", "c"})
	}
	return items
}
