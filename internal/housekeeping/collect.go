package housekeeping

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// orphanAge is how old an object must be to count as left over: far older than any
	// writer takes between an object and its ledger row.
	orphanAge = 24 * time.Hour
	// askAtOnce is how many objects the ledger is asked about at a time.
	askAtOnce = 500
)

func (h *Housekeeper) collect(ctx context.Context) {
	if err := h.deleteOrphans(ctx); err != nil && ctx.Err() == nil {
		h.cfg.Log.ErrorContext(ctx, "collecting orphaned objects failed", "error", err)
	}
}

// deleteOrphans deletes objects that no ledger row names and that are old, by the ledger's
// clock: one of a process that is a day ahead would take what is being written.
func (h *Housekeeper) deleteOrphans(ctx context.Context) error {
	now, err := h.cfg.Ledger.Now(ctx)
	if err != nil {
		return err
	}
	var old []string
	var failed []error // one object that cannot be deleted does not keep the others
	for info, err := range h.cfg.Objects.List(ctx, "") {
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		ours := strings.HasPrefix(info.Key, "batches/") || strings.HasPrefix(info.Key, "parts/")
		if !ours || info.Modified.After(now.Add(-orphanAge)) {
			continue
		}
		if old = append(old, info.Key); len(old) < askAtOnce {
			continue
		}
		if err := h.deleteUnknown(ctx, old, &failed); err != nil {
			return errors.Join(append(failed, err)...)
		}
		old = old[:0]
	}
	err = h.deleteUnknown(ctx, old, &failed)
	return errors.Join(append(failed, err)...)
}

func (h *Housekeeper) deleteUnknown(ctx context.Context, keys []string, failed *[]error) error {
	if len(keys) == 0 {
		return nil
	}
	known, err := h.cfg.Ledger.KnownObjects(ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if known[key] {
			continue
		}
		if err := h.cfg.Objects.Delete(ctx, key); err != nil {
			*failed = append(*failed, err)
			continue
		}
		h.cfg.Log.InfoContext(ctx, "orphaned object deleted", "key", key)
	}
	return nil
}
