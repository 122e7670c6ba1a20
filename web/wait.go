package web

import (
	"fmt"
	"math"
	"time"

	"bulkhead/internal/bulk"
)

// waits reports whether something of the import waits that people should hear about:
// not that a slot takes its next batch while others of it are in flight.
func (v ImportView) waits() bool {
	return v.Wait != nil && (v.Wait.Reason != bulk.WaitsForNothing || v.Wait.InFlight == 0)
}

// waitTitle asks what the import's owner asks.
func (v ImportView) waitTitle() string {
	if v.Wait.InFlight > 0 {
		return "What does its next batch wait for?"
	}
	return "Why am I waiting?"
}

// waitSays answers it in a sentence or two.
func (v ImportView) waitSays() string {
	switch v.Wait.Reason {
	case bulk.WaitsForNothing:
		return "It is next: it begins as soon as a slot is free."
	case bulk.WaitsForOthers:
		return "Accounts take turns, and it is the turn of others. Yours comes by itself, however much they have."
	case bulk.WaitsForOwn:
		return "Other imports of your account go first, by priority and by how much they have left."
	case bulk.WaitsForCap:
		return "Your account has as many batches in flight as it may have at once. The next one begins when one of them ends."
	case bulk.WaitsForPause:
		if v.Import.State == bulk.StatePaused {
			return "The import is paused. Resume it, and it goes on from its place."
		}
		return "Your account is paused by an operator. Nothing is lost; its batches keep their place."
	case bulk.WaitsForRetry:
		return "Its batches failed for a reason that may pass. They are tried again by themselves, after at most 30 s."
	case bulk.WaitsForFile:
		if v.Import.Bytes.Received == 0 {
			return "No byte of the file has arrived yet."
		}
		return "All that has arrived is done. It goes on as soon as more of the file comes."
	case bulk.WaitsForOwner:
		return "It was stored a moment ago and is on its way to a dispatcher. That takes a minute at most, even if one just failed."
	}
	return "It waits for its turn."
}

// estimate says how long the wait will be; "" where nothing is known. The first bound
// holds for half of such waits, the second for nine in ten.
func estimate(w bulk.Wait) string {
	likely, sure := within(w.Median), within(w.Upper)
	switch {
	case w.Upper <= 0:
		return ""
	case w.Median <= 0 || likely == sure:
		return fmt.Sprintf("It begins almost certainly within %s.", sure)
	}
	return fmt.Sprintf("It begins most likely within %s, almost certainly within %s.", likely, sure)
}

// within rounds a bound up, so that it stays true: to seconds, five seconds, minutes.
func within(d time.Duration) string {
	up := func(unit time.Duration) int64 { return max(1, int64(math.Ceil(float64(d)/float64(unit)))) }
	switch {
	case d <= 20*time.Second:
		return fmt.Sprintf("%d s", up(time.Second))
	case d <= 2*time.Minute:
		return fmt.Sprintf("%d s", 5*up(5*time.Second))
	case d <= 2*time.Hour:
		return fmt.Sprintf("%d min", up(time.Minute))
	}
	return fmt.Sprintf("%d h", up(time.Hour))
}
