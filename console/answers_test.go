package console

import (
	"testing"

	"bulkhead/internal/bulk"
)

// An account gets a quarter and no more than is left, so there is always room for another.
func TestAnswersShareMemory(t *testing.T) {
	a := newAnswers(100)
	fill := func(who string) (n int, err error) {
		for {
			if _, err := a.take(who, 1); err != nil {
				return n, err
			}
			n++
		}
	}
	left := 100
	for i, who := range []string{"a", "b", "c", "d", "e", "f"} {
		n, err := fill(who)
		if want := min(25, (left+1)/2); n != want || bulk.KindOf(err) != bulk.KindTooMany {
			t.Errorf("account %d got %d, %v; want %d and then too_many", i, n, err, want)
		}
		left -= n
	}
	if _, err := a.take("g", int64(left)+1); bulk.KindOf(err) != bulk.KindUnavailable {
		t.Errorf("more than there is: got %v", err)
	}
	leave, err := a.take("g", 1)
	if err != nil {
		t.Fatal(err)
	}
	if leave(); len(a.held) != 6 || a.taken != int64(100-left) {
		t.Errorf("after leaving %d accounts hold %d", len(a.held), a.taken)
	}
}
