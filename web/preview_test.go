package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"bulkhead/internal/bulk"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var out strings.Builder
	if err := c.Render(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// wideSpec is a dataset of n columns.
func wideSpec(n int) bulk.Spec {
	spec := bulk.Spec{Name: "wide", Key: []string{"c0"}}
	for i := range n {
		spec.Columns = append(spec.Columns, bulk.Column{Name: fmt.Sprintf("c%d", i), Type: bulk.TypeText})
	}
	return spec
}

// widePreview is a file of n columns, as many as there can be of rows.
func widePreview(n int) (p bulk.Preview) {
	for i := range n {
		name := fmt.Sprintf("c%d", i)
		p.Header = append(p.Header, name)
		p.Columns = append(p.Columns, bulk.PreviewColumn{Name: name, Type: bulk.TypeText, Field: name, Confidence: 1, Example: "x"})
	}
	for range 20 {
		p.Rows = append(p.Rows, make([]string, n))
	}
	return p
}

// A preview of a wide file into a wide dataset has as many elements as the file has
// columns, not times those of the dataset.
func TestPreviewOfAWideFileStaysSmall(t *testing.T) {
	html := render(t, Preview(PreviewView{Preview: widePreview(1001), Spec: wideSpec(1024)}))
	if n := strings.Count(html, "<") / 2; n > 25_000 {
		t.Errorf("the preview has about %d elements, want at most 25,000", n)
	}
	if n := strings.Count(html, "<option"); n != 2*1001+1024 {
		t.Errorf("%d options, want two a column and those of the dataset once", n)
	}
	if !strings.Contains(html, `951 more have their example above`) || strings.Count(html, "data-map=") != 1001 {
		t.Error("not every column can be mapped, or what the rows leave out is not said")
	}
}

// A usual file has its choices where they are made.
func TestPreviewOfAUsualFileIsWhole(t *testing.T) {
	html := render(t, Preview(PreviewView{Preview: widePreview(40), Spec: wideSpec(40)}))
	if n := strings.Count(html, "<option"); n != 40*41 || strings.Contains(html, "<template") {
		t.Errorf("%d options, want every column of the dataset in each choice", n)
	}
}

// A page of records of a wide dataset shows the first columns and says so.
func TestRecordsOfAWideDatasetStaySmall(t *testing.T) {
	spec := wideSpec(1024)
	page := bulk.RecordPage{}
	for _, c := range spec.Columns {
		page.Columns = append(page.Columns, c.Name)
	}
	for range 50 {
		page.Records = append(page.Records, bulk.Record{Values: make([]bulk.Value, 1024)})
	}
	html := render(t, Dataset(DatasetView{Dataset: bulk.Dataset{Spec: spec}, Records: page}))
	if n := strings.Count(html, "<td"); n > 50*51+4*1024 {
		t.Errorf("%d cells", n)
	}
	if !strings.Contains(html, "974 more are listed below") {
		t.Error("what is left out is not said")
	}
}
