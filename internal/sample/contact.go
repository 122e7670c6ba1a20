package sample

import (
	"math/rand/v2"
	"strconv"
	"time"

	"bulkhead/internal/bulk"
)

// The columns of a contact, in file order.
const (
	colID = iota
	colName
	colEmail
	colPhone
	colCountry
	colCity
	colCreatedAt
	colBalance
	colActive
	colNotes
	columns
)

const header = "id,name,email,phone,country,city,created_at,balance,active,notes\n"

// Spec is the dataset that [Contacts] writes files for.
func Spec() bulk.Spec {
	codes := make([]string, len(places))
	for i, p := range places {
		codes[i] = p.country
	}
	return bulk.Spec{
		Name: "contacts", Title: "Contacts", Key: []string{"id"},
		Columns: []bulk.Column{
			{Name: "id", Type: bulk.TypeText, Required: true, Pattern: `C[0-9]{9,18}`},
			{Name: "name", Type: bulk.TypeText, Required: true, MaxLength: 80},
			{Name: "email", Type: bulk.TypeEmail},
			{Name: "phone", Type: bulk.TypeText, Pattern: `\+[0-9]{7,15}`},
			{Name: "country", Type: bulk.TypeEnum, Values: codes},
			{Name: "city", Type: bulk.TypeText, MaxLength: 60},
			{Name: "created_at", Type: bulk.TypeTimestamp, Required: true},
			{Name: "balance", Type: bulk.TypeDecimal},
			{Name: "active", Type: bulk.TypeBoolean},
			{Name: "notes", Type: bulk.TypeText, MaxLength: 500},
		},
	}
}

// contact is one row in the making; its memory is used again for the next.
type contact struct {
	rng   *rand.PCG
	cells [columns][]byte
	out   []byte
}

func newContact(seed uint64) *contact { return &contact{rng: rand.NewPCG(seed, 2)} }

func (c *contact) pick(n int) int { return int(below(c.rng, int64(n))) }

// fill makes a valid contact with the key of that number.
func (c *contact) fill(key int64) {
	first, last, place := &firsts[c.pick(len(firsts))], &lasts[c.pick(len(lasts))], &places[c.pick(len(places))]
	number := c.rng.Uint64()

	c.cells[colID] = appendPadded(append(c.cells[colID][:0], 'C'), key, 9)
	c.cells[colName] = append(append(append(c.cells[colName][:0], first.name...), ' '), last.name...)
	c.cells[colEmail] = c.email(c.cells[colEmail][:0], first.plain, last.plain, key)
	c.cells[colPhone] = c.cells[colPhone][:0]
	if number&7 != 0 { // one in eight has none
		c.cells[colPhone] = appendPadded(append(c.cells[colPhone], place.dial...), int64(number>>8%1e9), 9)
	}
	c.cells[colCountry] = append(c.cells[colCountry][:0], place.country...)
	c.cells[colCity] = append(c.cells[colCity][:0], place.city...)
	c.cells[colCreatedAt] = time.Unix(epoch+below(c.rng, span), 0).UTC().AppendFormat(c.cells[colCreatedAt][:0], time.RFC3339)
	c.cells[colBalance] = appendCents(c.cells[colBalance][:0], below(c.rng, 2_500_000)-200_000)
	c.cells[colActive] = strconv.AppendBool(c.cells[colActive][:0], number>>3&3 != 0)
	c.cells[colNotes] = append(c.cells[colNotes][:0], notes[c.pick(len(notes))]...)
}

// created_at lies in the ten years from 2015 on.
const (
	epoch = 1_420_070_400
	span  = 10 * 365 * 24 * 3600
)

func (c *contact) email(b []byte, first, last string, key int64) []byte {
	b = append(append(append(b, first...), '.'), last...)
	b = strconv.AppendInt(b, key, 10)
	return append(b, hosts[c.pick(len(hosts))]...)
}

// line renders the row as RFC 4180 with "\n" endings. The slice is valid until
// the next call.
func (c *contact) line() []byte {
	b := c.out[:0]
	for i, cell := range c.cells {
		if i > 0 {
			b = append(b, ',')
		}
		if i == colBalance || i == colNotes { // only they can hold what needs quotes
			b = appendQuoted(b, cell)
		} else {
			b = append(b, cell...)
		}
	}
	c.out = append(b, '\n')
	return c.out
}

func appendQuoted(b, cell []byte) []byte {
	if !needsQuotes(cell) {
		return append(b, cell...)
	}
	b = append(b, '"')
	for _, ch := range cell {
		if ch == '"' {
			b = append(b, '"')
		}
		b = append(b, ch)
	}
	return append(b, '"')
}

func needsQuotes(cell []byte) bool {
	for _, ch := range cell {
		if ch == ',' || ch == '"' || ch == '\n' {
			return true
		}
	}
	return false
}

// appendPadded writes n ≥ 0 with leading zeros to at least the given width, at most 19.
func appendPadded(b []byte, n int64, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for ; n > 0 || len(digits)-i < width; n /= 10 {
		i--
		digits[i] = byte('0' + n%10)
	}
	return append(b, digits[i:]...)
}

func appendCents(b []byte, cents int64) []byte {
	if cents < 0 {
		b, cents = append(b, '-'), -cents
	}
	b = append(strconv.AppendInt(b, cents/100, 10), '.')
	return appendPadded(b, cents%100, 2)
}
