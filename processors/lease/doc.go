// Package lease carries the lease protocol between processes: a processor's calls
// to a dispatcher, and a console's questions to all of them, over HTTP with the
// cluster secret.
//
//	POST /cluster/lease   {node, want, virtual, wait_ms}  → 200 {lease, newcomer, cost, due}; without lease when nothing is due in time
//	POST /cluster/extend  {node, lease}          → 200 {held}
//	POST /cluster/return  {node, lease, outcome} → 200 {held}
//	POST /cluster/demand  {round, ahead, mean, idle, …} → 200 {round, ahead, virtual, …}; waits until there is more than this, up to 250 ms, or 5 s where this is nothing; weights and batches are in hundredths
//	GET  /cluster/held                           → 200 [{node, lease}]; asked of a processor
//	GET  /cluster/queue                          → 200 bulk.Queue
//	GET  /cluster/waits?account=ID               → 200 [bulk.Wait], of that account alone
//
// A processor leases one batch for a free slot. [drr.Picker] says where: at a dispatcher
// with a newcomer, or by the weights that are due in the round and how far each dispatcher has
// come, so that an account gets its share of all slot time, and a newcomer goes ahead of all
// others, whatever dispatcher owns it. It tells each how far all have come on average. What is known of the demand is at most 250 ms old; each lease brings the
// newest, and that it has risen is told at once to a call that waits for it, of which the next
// begins within 20 ms: a newcomer waits for it.
//
// When a partition moves, its new dispatcher asks the processors what they hold
// ([Holders]), and a processor whose dispatcher is gone tells the others what became of
// its batch. Nothing is lost where this fails: the lease ends and the commit is guarded.
//
// A [View] asks all dispatchers at once and goes on after a second without those that
// are silent.
package lease
