package bulk

// What a record may take. The bounds are those of PostgreSQL's pages, and hold on every
// engine alike; a validated row never meets the database's own.
const (
	// MaxKeyBytes bounds a key: the bytes of its columns' canonical texts together. An
	// index entry ends at 2,704 bytes, of which the account and the columns' headers and
	// alignment take at most 103.
	MaxKeyBytes = 2600

	// MaxRowBytes bounds what [Width.Size] counts of a record. A row ends at 8,160 bytes,
	// of which header, account and versions take at most 207; the rest is spare.
	MaxRowBytes = 7900
)

// LongText is the most that a text takes in its row, in bytes: a longer one is moved out of
// it and leaves 18, or, compressed to 24 or less, stays, aligned to 4.
const LongText = 27

// Width counts the bytes that a record's values take at most in their row, whatever the
// order of its columns and however well texts compress: 8 for an integer, a float and a
// timestamp, 4 for a date, 1 for a boolean, 7 and half a byte a digit for a decimal, the
// bytes of a text and one more, but never more than 27, and nothing for a null. Where
// values of 8 and of 4 bytes stand among others, they are aligned.
type Width struct {
	Bytes                 int // of the values alone
	Eights, Fours, Others int // values by their alignment
}

// Add counts a value of a column of the type.
func (w *Width) Add(t Type, v Value) {
	text, _ := v.(string)
	switch {
	case v == nil:
	case t == TypeDecimal:
		w.add(1, 7+len(text)/2)
	case t.fixed() > 0:
		w.add(t.fixed(), t.fixed())
	default:
		w.add(1, min(len(text)+1, LongText))
	}
}

// AddMost counts the most that a value of the type can take.
func (w *Width) AddMost(t Type) {
	n := t.fixed()
	if n == 0 {
		n = LongText
	}
	w.add(n, n)
}

// fixed is how many bytes every value of the type takes; 0: it depends.
func (t Type) fixed() int {
	switch t {
	case TypeInteger, TypeFloat, TypeTimestamp:
		return 8
	case TypeDate:
		return 4
	case TypeBoolean:
		return 1
	default:
		return 0
	}
}

func (w *Width) add(alignment, bytes int) {
	w.Bytes += bytes
	switch alignment {
	case 8:
		w.Eights++
	case 4:
		w.Fours++
	default:
		w.Others++
	}
}

// Size returns the sum with what alignment can cost: a value is aligned only behind one
// of a smaller alignment, of which every row has the account, and the two versions are of 8.
func (w *Width) Size() int {
	return w.Bytes + 7*min(w.Eights+2, w.Others+w.Fours+1) + 3*min(w.Fours, w.Others+1)
}
