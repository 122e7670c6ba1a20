package console

import (
	"context"
	"fmt"
	"net/http"

	"bulkhead/internal/bulk"
	"bulkhead/web"
)

// What a page shows at most: the first milestones, of which an import has far fewer, and
// the most frequent causes of rejects.
const (
	shownEvents       = 200
	shownRejectGroups = web.MaxRejectGroups
)

func (s *Server) importPage(w http.ResponseWriter, r *http.Request) error {
	return s.showImport(w, r, http.StatusOK, "")
}

// showImport renders an import's page, with a notice when an action was refused.
func (s *Server) showImport(w http.ResponseWriter, r *http.Request, status int, notice string) error {
	v, err := s.importView(r)
	if err != nil {
		return err
	}
	v.Notice = notice
	return s.page(w, r, status, web.Import(v))
}

// livePart is the changing part of an import's page, for live.js.
func (s *Server) livePart(w http.ResponseWriter, r *http.Request) error {
	v, err := s.importView(r)
	if err != nil {
		return err
	}
	return s.page(w, r, http.StatusOK, web.Live(v))
}

// cancelPage asks for confirmation where the page's dialog cannot open.
func (s *Server) cancelPage(w http.ResponseWriter, r *http.Request) error {
	imp, err := s.importOf(r)
	if err != nil {
		return err
	}
	if imp.State.Terminal() {
		http.Redirect(w, r, "/imports/"+string(imp.ID), http.StatusSeeOther)
		return nil
	}
	return s.page(w, r, http.StatusOK, web.CancelImport(web.ImportView{Page: s.pageData(r, web.SectionImports, "Cancel import"), Import: imp}))
}

// steerPage makes the handler of a button on the import page. A refusal is shown on
// the page as it stands.
func (s *Server) steerPage(act func(context.Context, bulk.AccountID, bulk.ImportID) (bulk.Import, error)) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		imp, err := s.importOf(r)
		if err != nil {
			return err
		}
		if _, err = act(r.Context(), imp.AccountID, imp.ID); bulk.KindOf(err) == bulk.KindConflict {
			text, _ := message(err)
			return s.showImport(w, r, http.StatusConflict, text)
		}
		if err != nil {
			return fmt.Errorf("steer import: %w", err)
		}
		http.Redirect(w, r, "/imports/"+string(imp.ID), http.StatusSeeOther)
		return nil
	}
}

// importView gathers what the page of one import shows. The import is read first: what
// is read after it can only be newer, never older.
func (s *Server) importView(r *http.Request) (v web.ImportView, err error) {
	imp, err := s.importOf(r)
	if err != nil {
		return v, err
	}
	ctx, title := r.Context(), imp.Filename
	if title == "" {
		title = "Unnamed file"
	}
	v = web.ImportView{Page: s.pageData(r, web.SectionImports, title), Import: imp}
	if v.Batches, err = s.latestBatches(ctx, imp); err != nil {
		return v, fmt.Errorf("list batches: %w", err)
	}
	if v.RejectGroups, err = s.Imports.RejectGroupPage(ctx, imp.AccountID, imp.ID, bulk.Window{Limit: shownRejectGroups}); err != nil {
		return v, fmt.Errorf("list errors: %w", err)
	}
	if v.Events, err = s.Imports.ImportEvents(ctx, imp.AccountID, imp.ID, bulk.Window{Limit: shownEvents}); err != nil {
		return v, fmt.Errorf("list events: %w", err)
	}
	v.Wait, v.LastByte = s.waitOf(ctx, imp), s.lastByteOf(ctx, imp)
	if !imp.State.Terminal() {
		v.Scripts, v.Refresh = []string{"live.js", "vendor/tus.min.js", "upload.js"}, 3
		return v, nil
	}
	receipt, err := s.Imports.Receipt(ctx, imp.AccountID, imp.ID)
	if err != nil {
		return v, fmt.Errorf("receipt: %w", err)
	}
	v.Receipt = &receipt
	return v, nil
}

// latestBatches reads the newest batches of an import, in file order, at most
// web.MaxBatches.
func (s *Server) latestBatches(ctx context.Context, imp bulk.Import) (all []bulk.Batch, err error) {
	const page = 1000
	after := bulk.BatchID{Import: imp.ID, No: max(-1, imp.Batches.Total-web.MaxBatches-1)}
	for len(all) < web.MaxBatches {
		batches, err := s.Imports.Batches(ctx, imp.AccountID, after, page)
		if err != nil {
			return nil, err
		}
		all = append(all, batches...)
		if len(batches) < page {
			break
		}
		after.No = batches[len(batches)-1].No
	}
	return all, nil
}
