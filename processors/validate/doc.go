// Package validate turns the cells of a batch into typed values, or into rejects
// that say what is wrong, by the rules of a dataset's spec.
//
// It is pure: the same spec, layout and batch give the same records and rejects, at
// any time and in any process. That is why rejects need not be stored: the commit
// path counts them ([Validator.Batch]), and whoever lists them later derives them
// from the staged object again ([Validator.Rejects]).
//
// # Rules
//
//   - An empty cell takes the column's default, or is null. Around anything but text
//     and JSON white space is dropped; text is kept byte for byte.
//   - The first broken rule decides a row's one code: an empty key column first, then
//     the key columns in key order, then the others in spec order; in a column the
//     type, then length, pattern and range; last, whether key and row are small enough
//     for every store (see [bulk.Width]).
//   - Values come out in one canonical form each (see [bulk.Type]), so equal values
//     are equal texts in every store: "+007" is 7, "1.50" is 1.5, "2026-03-01 12:00
//     +0200" is 2026-03-01T10:00:00.000000Z. A canonical form validates to itself.
//   - Nothing is rounded, guessed or cut. Numbers that do not fit are out_of_range,
//     fractions of a second beyond microseconds too_precise. A local time that a clock
//     change skips is rejected, one that it repeats means the first.
//   - Of rows with the same key in a batch the last wins; the others are superseded.
//
// # Use
//
//	v, err := validate.Compile(spec, layout)   // once an import
//	result := v.Batch(batch)                   // any number of goroutines
//
// The package also knows the way back: an [Inferrer] reads a file's cells and
// proposes a spec, [Suggest] proposes which column a header means.
package validate
