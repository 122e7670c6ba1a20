// Package replay reads staged batches: it fetches a batch's object, holds it against
// what the ledger says of it, and validates its rows by the rules that its import keeps.
//
//	             hash and rows checked
//	Objects.Get ─▶ columnar.Decode ─▶ Batch.Validate ─▶ a processor commits what it finds
//	                                  Batch.Rejects  ─▶ Rejects: an import's rejected rows
//	                                  Batch.Validate ─▶ Applied: what a commit put into the store
//
// A batch is staged once and read whenever somebody asks. Validation is pure and an
// import keeps its spec and layout, so every reading finds the same, and what can be
// found again is not stored. What only the transaction could reject is named in the ledger.
//
// # Guarantees
//
//   - One batch is in memory a call, for as long as the call: it is released when the
//     caller's function returns, fails or panics.
//   - Anything wrong with a staged batch is the same [bulk.Error] of no kind for everybody:
//     [ErrMissing] when its object is gone, columnar.ErrDamaged when it is not what
//     was staged, layout_missing when the import has no header. Reading again does not mend it.
//   - An object store that fails otherwise is [ErrFetch], which may pass.
package replay
