package validate

import (
	"strings"
	"time"

	"bulkhead/internal/bulk"
)

// moment is a date, or a time of day on one, as somebody wrote it.
type moment struct {
	year, month, day     int
	hour, minute, second int
	micro                int
	finer                bool // its fraction of a second goes beyond microseconds
	offset               int  // seconds east of UTC, when zoned
	zoned                bool
	timed                bool // it has a time of day
}

// reader reads a moment; false says that it is not one.
type reader func(s string) (moment, bool)

func parseDate(s string, read reader) (bulk.Value, bulk.Code) {
	m, ok := read(s)
	if !ok || m.timed || !m.real() {
		return nil, bulk.CodeInvalidDate
	}
	var buf [len("2006-01-02")]byte
	m.putDate(buf[:])
	return same(s, buf[:]), ""
}

func parseTimestamp(s string, read reader, zone *time.Location) (bulk.Value, bulk.Code) {
	m, ok := read(s)
	if !ok || !m.real() {
		return nil, bulk.CodeInvalidTimestamp
	}
	if m.finer {
		return nil, bulk.CodeTooPrecise
	}
	if m.zoned && m.offset != 0 || !m.zoned && zone != time.UTC {
		t, ok := m.instant(zone)
		if !ok {
			return nil, bulk.CodeInvalidTimestamp
		}
		if m = utc(t); m.year < 1 || m.year > 9999 {
			return nil, bulk.CodeOutOfRange
		}
	}
	var buf [len("2006-01-02T15:04:05.000000Z")]byte
	m.putDate(buf[:])
	buf[10], buf[13], buf[16], buf[19], buf[26] = 'T', ':', ':', '.', 'Z'
	put(buf[11:13], m.hour)
	put(buf[14:16], m.minute)
	put(buf[17:19], m.second)
	put(buf[20:26], m.micro)
	return same(s, buf[:]), ""
}

// same returns s when it is canonical already, which spares a copy.
func same(s string, canonical []byte) string {
	if s == string(canonical) {
		return s
	}
	return string(canonical)
}

// real reports whether the calendar has the day and the clock the time.
func (m *moment) real() bool {
	return m.year >= 1 && m.year <= 9999 && m.month >= 1 && m.month <= 12 && m.day >= 1 && m.day <= daysIn(m.year, m.month) &&
		m.hour <= 23 && m.minute <= 59 && m.second <= 59
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}

// instant finds the point in time: by the written offset, else by the zone's clocks.
// It is false for a local time that they skip. Of one that they show twice it is the first.
func (m *moment) instant(zone *time.Location) (time.Time, bool) {
	if m.zoned {
		return m.in(time.UTC).Add(-time.Duration(m.offset) * time.Second), true
	}
	t := m.in(zone)
	if t.Hour() != m.hour || t.Minute() != m.minute || t.Day() != m.day {
		return t, false
	}
	since, _ := t.ZoneBounds()
	if since.IsZero() {
		return t, true
	}
	_, now := t.Zone()
	_, before := since.Add(-time.Second).Zone()
	if first := t.Add(time.Duration(now-before) * time.Second); before > now && first.Before(since) {
		return first, true
	}
	return t, true
}

func (m *moment) in(zone *time.Location) time.Time {
	return time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.micro*1000, zone)
}

func utc(t time.Time) moment {
	t = t.UTC()
	return moment{
		year: t.Year(), month: int(t.Month()), day: t.Day(),
		hour: t.Hour(), minute: t.Minute(), second: t.Second(), micro: t.Nanosecond() / 1000,
	}
}

func (m *moment) putDate(buf []byte) {
	put(buf[0:4], m.year)
	put(buf[5:7], m.month)
	put(buf[8:10], m.day)
	buf[4], buf[7] = '-', '-'
}

// put writes n with leading zeros.
func put(buf []byte, n int) {
	for i := len(buf) - 1; i >= 0; i-- {
		buf[i] = byte('0' + n%10)
		n /= 10
	}
}

// readISO reads ISO 8601 as people and programs write it: 2006-01-02, then optionally
// T or a space, 15:04, :05, a fraction of a second, and an offset: Z, UTC,
// +01, +0100 or +01:00, perhaps after a space.
func readISO(s string) (m moment, ok bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' || !fixed(s[0:4], &m.year) || !fixed(s[5:7], &m.month) || !fixed(s[8:10], &m.day) {
		return m, false
	}
	if len(s) == 10 {
		return m, true
	}
	if s[10] != 'T' && s[10] != 't' && s[10] != ' ' {
		return m, false
	}
	return m, m.readTime(s[11:])
}

func (m *moment) readTime(s string) bool {
	m.timed = true
	if len(s) < 5 || s[2] != ':' || !fixed(s[0:2], &m.hour) || !fixed(s[3:5], &m.minute) {
		return false
	}
	s = s[5:]
	if len(s) >= 3 && s[0] == ':' {
		if !fixed(s[1:3], &m.second) {
			return false
		}
		s = s[3:]
		if s != "" && (s[0] == '.' || s[0] == ',') {
			n := 1
			for n < len(s) && s[n] >= '0' && s[n] <= '9' {
				n++
			}
			if n == 1 {
				return false
			}
			m.finer = strings.Trim(s[min(n, 7):n], "0") != ""
			fixed((s[1:n] + "000000")[:6], &m.micro)
			s = s[n:]
		}
	}
	return s == "" || m.readOffset(strings.TrimPrefix(s, " "))
}

func (m *moment) readOffset(s string) bool {
	m.zoned = true
	if s == "Z" || s == "z" || s == "UTC" {
		return true
	}
	var hours, minutes int
	if len(s) == 6 && s[3] == ':' {
		s = s[:3] + s[4:]
	}
	if (len(s) != 3 && len(s) != 5) || (s[0] != '+' && s[0] != '-') || !fixed(s[1:3], &hours) || hours > 23 {
		return false
	}
	if len(s) == 5 && (!fixed(s[3:5], &minutes) || minutes > 59) {
		return false
	}
	m.offset = hours*3600 + minutes*60
	if s[0] == '-' {
		m.offset = -m.offset
	}
	return true
}

// fixed reads a string of digits alone.
func fixed(s string, n *int) bool {
	v := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		v = v*10 + int(s[i]-'0')
	}
	*n = v
	return true
}
