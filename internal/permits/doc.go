// Package permits shares out this process's time among accounts: what computes does so
// with a permit, of which there are few, and a fair queue of accounts says who gets the
// next one.
//
//	Acquire ─▶ fairQueue ─▶ compute ─▶ Release, or Yield: wait for a client, a store
//	                            ▲                        │
//	                            └────────────────────────┘
//
// # Guarantees
//
//   - No more compute at once than Config.Limit says. Where it fell below what runs, those
//     that run go on until they release their permit or yield it.
//   - A permit that is free is not withheld from anybody who waits.
//   - Accounts that want more than they get have had equal time, whatever each piece of
//     theirs took and however many ask for them, within one piece for each permit and one
//     more; see fairQueue.
//   - Within an account whoever asked first is first.
//
// # Use
//
//	p := shared.Of(account)
//	p.Acquire()
//	defer p.Release()
//	for more() {
//		p.Yield(func() { await(client) })
//		compute()
//		p.Pause(10 * time.Millisecond)
//	}
package permits
