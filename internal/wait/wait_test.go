package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bulkhead/internal/wait"
)

func TestBackoffDoublesUpToTheLongest(t *testing.T) {
	plain := wait.Backoff{First: 500 * time.Millisecond, Longest: 30 * time.Second}
	half := wait.Backoff{First: time.Second, Longest: 15 * time.Second, Jitter: 0.5}
	for _, c := range []struct {
		b        wait.Backoff
		failures int
		chance   float64
		want     time.Duration
	}{
		{plain, 1, 0.9, 500 * time.Millisecond},
		{plain, 2, 0, time.Second},
		{plain, 6, 0, 16 * time.Second},
		{plain, 7, 0, 30 * time.Second},
		{plain, 1 << 40, 0, 30 * time.Second},
		{plain, 0, 0, 500 * time.Millisecond},
		{half, 1, 0, time.Second},
		{half, 1, 0.5, 750 * time.Millisecond},
		{half, 9, 1, 7500 * time.Millisecond},
		{wait.Backoff{First: time.Minute, Longest: time.Second}, 1, 0, time.Second},
		{wait.Backoff{}, 3, 0.5, 0},
	} {
		if got := c.b.After(c.failures, c.chance); got != c.want {
			t.Errorf("%+v after %d failures, chance %v: %v, want %v", c.b, c.failures, c.chance, got, c.want)
		}
	}
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := wait.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("waited %v, %v", time.Since(began), err)
		}
		woken := make(chan struct{}, 1)
		woken <- struct{}{}
		began = time.Now()
		if err := wait.UntilWoken(t.Context(), time.Minute, woken); err != nil || time.Since(began) != 0 {
			t.Errorf("woken after %v, %v", time.Since(began), err)
		}
		ended, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := wait.UntilWoken(ended, time.Minute, woken); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("ended after %v, %v", time.Since(began), err)
		}
		if err := wait.For(ended, -1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that has ended: %v", err)
		}
	})
}

func TestEveryPeriodOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var at []time.Duration
		err := wait.Every(ctx, time.Second, func(context.Context) {
			if at = append(at, time.Since(began)); len(at) == 3 {
				cancel()
			}
		})
		if err != nil || len(at) != 3 || at[0] != time.Second || at[2] != 3*time.Second {
			t.Errorf("called at %v, %v", at, err)
		}
	})
}
