package console

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bulkhead/internal/bulk"
)

// importList is a page of imports, newest first.
type importList struct {
	Imports []importSummary `json:"imports"`
	Next    string          `json:"next_cursor"` // "" at the end
}

// batchList is a page of an import's batches, in file order.
type batchList struct {
	Batches []bulk.Batch `json:"batches"`
	Next    string       `json:"next_cursor"` // "" at the end
}

// rejectGroupList is a page of the causes of rejects, most frequent first.
type rejectGroupList struct {
	RejectGroups []bulk.RejectGroup `json:"errors"`
	Next         string             `json:"next_cursor"` // "" at the end
}

func (s *Server) listImports(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := queryInt(r, "limit", bounds{50, 1, 200})
	if err != nil {
		return err
	}
	f := bulk.ImportFilter{State: bulk.State(q.Get("state")), Dataset: bulk.DatasetName(q.Get("dataset")), Search: q.Get("search"), Cursor: q.Get("cursor"), Limit: int(limit)}
	if f.State != "" && !slices.Contains(bulk.States, f.State) {
		return bulk.Errorf(bulk.KindInvalid, "bad_parameter", "There is no state %q; there are: %s.", f.State, listed(bulk.States))
	}
	if utf8.RuneCountInString(f.Search) > bulk.MaxName {
		return bulk.Errorf(bulk.KindInvalid, "bad_parameter", "search has more than %d characters, which no file name has.", bulk.MaxName)
	}
	if f.Cursor != "" && !bulk.ValidID("imp", f.Cursor) {
		return bulk.Errorf(bulk.KindInvalid, "bad_cursor", "cursor is not the next_cursor of a page of imports.")
	}
	list, next, err := s.Imports.ListImports(r.Context(), s.principal(r).Account, f)
	if err != nil {
		return fmt.Errorf("list imports: %w", err)
	}
	page := importList{make([]importSummary, len(list)), next}
	for i, imp := range list {
		page.Imports[i] = summaryOf(imp)
	}
	return writeJSON(w, http.StatusOK, page)
}

// listed renders words as "a, b, c".
func listed[T ~string](words []T) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return strings.Join(out, ", ")
}

// importOf reads the import that the path names.
func (s *Server) importOf(r *http.Request) (bulk.Import, error) {
	id, err := pathID[bulk.ImportID](r, "id", "imp")
	if err != nil {
		return bulk.Import{}, err
	}
	imp, err := s.Imports.Import(r.Context(), s.principal(r).Account, id)
	if err != nil {
		return imp, fmt.Errorf("read import: %w", err)
	}
	return imp, nil
}

func (s *Server) getImport(w http.ResponseWriter, r *http.Request) error {
	imp, err := s.importOf(r)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, importStatus{imp, s.waitOf(r.Context(), imp), s.lastByteOf(r.Context(), imp)})
}

// steer makes the handler of an action on an import; each is harmless when repeated.
func (s *Server) steer(act func(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID[bulk.ImportID](r, "id", "imp")
		if err != nil {
			return err
		}
		imp, err := act(r.Context(), s.principal(r).Account, id)
		if err != nil {
			return fmt.Errorf("steer import: %w", err)
		}
		return writeJSON(w, http.StatusOK, imp)
	}
}

func (s *Server) listErrors(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID[bulk.ImportID](r, "id", "imp")
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", bounds{bulk.MaxRejectGroups, 1, bulk.MaxRejectGroups})
	if err != nil {
		return err
	}
	after, err := queryInt(r, "cursor", bounds{0, 1, 1 << 30})
	if err != nil {
		return err
	}
	groups, err := s.Imports.RejectGroupPage(r.Context(), s.principal(r).Account, id, bulk.Window{After: after, Limit: int(limit)})
	if err != nil {
		return fmt.Errorf("list errors: %w", err)
	}
	list := rejectGroupList{RejectGroups: orEmpty(groups)}
	if len(groups) == int(limit) {
		list.Next = strconv.FormatInt(after+limit, 10)
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *Server) listBatches(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID[bulk.ImportID](r, "id", "imp")
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", bounds{200, 1, 1000})
	if err != nil {
		return err
	}
	after, err := queryInt(r, "cursor", bounds{-1, 0, 1 << 62})
	if err != nil {
		return err
	}
	batches, err := s.Imports.Batches(r.Context(), s.principal(r).Account, bulk.BatchID{Import: id, No: after}, int(limit))
	if err != nil {
		return fmt.Errorf("list batches: %w", err)
	}
	list := batchList{Batches: orEmpty(batches)}
	if len(batches) == int(limit) {
		list.Next = strconv.FormatInt(batches[len(batches)-1].No, 10)
	}
	return writeJSON(w, http.StatusOK, list)
}

// receipt is the final account; there is none before the end.
func (s *Server) receipt(w http.ResponseWriter, r *http.Request) error {
	imp, err := s.importOf(r)
	if err != nil {
		return err
	}
	receipt, err := s.Imports.Receipt(r.Context(), imp.AccountID, imp.ID)
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	receipt.RejectGroups = orEmpty(receipt.RejectGroups)
	receipt.Usage.ByDataset = orEmpty(receipt.Usage.ByDataset)
	return writeJSON(w, http.StatusOK, receipt)
}

// orEmpty makes lists [] in JSON, never null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
