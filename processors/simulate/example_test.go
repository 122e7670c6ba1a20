package simulate_test

import (
	"fmt"
	"strings"

	"bulkhead/processors/simulate"
)

// Rows of [simulate.Run] are shown as a table, by the designs that they compare. Here
// is one that somebody else measured.
func ExamplePrint() {
	figures := map[string]simulate.Figure{}
	for _, d := range simulate.Designs {
		figures[d.Name] = simulate.Figure{Mean: 1.5}
	}
	var table strings.Builder
	if err := simulate.Print(&table, []simulate.Row{{
		Experiment: "E1", Title: "Whales", Setting: "two of them", Measure: "small p99 ÷ alone", Seeds: 1, Figures: figures,
	}}); err != nil {
		fmt.Println(err)
	}
	for line := range strings.Lines(table.String()) {
		fmt.Println(strings.TrimRight(line, " \n"))
	}
	// Output:
	// E1  Whales
	//                                   Bulkhead  clamped DRR  plain DRR  round-robin at nodes  FIFO  ideal  target
	//   two of them  small p99 ÷ alone  1.50      1.50         1.50       1.50                  1.50  –
}
