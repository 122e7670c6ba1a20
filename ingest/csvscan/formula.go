package csvscan

// EscapeFormula returns the cell as a spreadsheet shows it without running it: a cell
// that begins with any number of ' and then one of = + - @ TAB CR gets one ' more.
func EscapeFormula(cell string) string {
	if formula(cell) < 0 {
		return cell
	}
	return "'" + cell
}

// UnescapeFormula is the exact inverse of EscapeFormula. What it returns shares the
// cell's memory.
func UnescapeFormula(cell []byte) []byte {
	if formula(cell) > 0 {
		return cell[1:]
	}
	return cell
}

// formula returns the number of ' before the character that starts a formula, -1 when
// the cell is none.
func formula[T string | []byte](cell T) int {
	for i := range len(cell) {
		switch cell[i] {
		case '\'':
		case '=', '+', '-', '@', '\t', '\r':
			return i
		default:
			return -1
		}
	}
	return -1
}
