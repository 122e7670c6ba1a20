package mirror_test

import (
	"fmt"

	"bulkhead/columnar/mirror"
)

// The questions that come with the mirror, each one statement on its views.
func ExampleQuestions() {
	questions, err := mirror.Questions()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, q := range questions {
		fmt.Println(q.Name)
	}
	// Output:
	// fairness_by_account
	// quota_use
	// rejects_by_column_and_code
	// slowest_stage
	// throughput_by_hour
}
