package bulk

import (
	"strconv"
	"strings"
)

// OnError says how many rejects an import may have before it fails: "skip" (or
// empty) any number, "abort" none, "N" at most N, "N%" at most that share.
type OnError string

// shareFloor is how many rows must be read before a share is judged: one bad row
// among the first ten says little.
const shareFloor = 1000

// Check returns an *Error when o is not one of the forms.
func (o OnError) Check() error {
	if _, _, ok := o.parse(); !ok {
		return Errorf(KindInvalid, "bad_on_error", "on_error is %q; use skip, abort, a number of rows, or a percentage such as 5%%.", string(o))
	}
	return nil
}

// Exceeded reports whether so many rejects among so many read rows fail the
// import; final says that no more rows will come, so that a share is judged at once.
func (o OnError) Exceeded(rejected, read int64, final bool) bool {
	limit, share, _ := o.parse()
	switch {
	case limit < 0:
		return false
	case share:
		return (final || read >= shareFloor) && rejected*100 > limit*read
	default:
		return rejected > limit
	}
}

func (o OnError) parse() (limit int64, share, ok bool) {
	switch o {
	case "", "skip":
		return -1, false, true
	case "abort":
		return 0, false, true
	}
	digits, share := strings.CutSuffix(string(o), "%")
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, share, err == nil && n >= 0 && (!share || n <= 100)
}
