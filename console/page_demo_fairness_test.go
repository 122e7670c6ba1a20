package console

import (
	"context"
	"time"

	"bulkhead/internal/bulk"
)

func (w *demo) Queues(context.Context) ([]bulk.Queue, error) { return nil, nil }

func (w *demo) Waits(context.Context, bulk.AccountID) ([]bulk.Wait, error) { return nil, nil }

func (w *demo) Nodes(context.Context, string, time.Time) ([]bulk.Node, error) { return nil, nil }
