// Package lease carries the lease protocol between processes: a processor's calls
// to a dispatcher, and a console's questions to all of them, over HTTP with the
// cluster secret.
//
//	POST /cluster/lease   {node, wait_ms}     → 200 {lease, weight}; without lease when nothing is due in time
//	POST /cluster/extend  {node, lease}       → 200 {held}
//	POST /cluster/return  {node, lease, outcome} → 200 {held}
//	GET  /cluster/weight?above=N              → 200 {weight}; waits until it is above N, up to 250 ms, or 5 s where N is 0
//	GET  /cluster/held                        → 200 [bulk.Holding]; asked of a processor
//	GET  /cluster/queue                       → 200 bulk.Queue
//	GET  /cluster/waits?account=ID            → 200 [bulk.Wait], of that account alone
//
// A processor leases one batch for a free slot. It picks dispatchers in
// proportion to their weights ([drr.Chooser]): the batches that are due there in a round,
// so that an account gets its share of all slot time whatever dispatcher owns it. Weights are
// at most 250 ms old; each lease brings the newest, and that one has risen is known within
// some 30 ms, for a newcomer waits for it. Which process picks is decided last, when a slot is free.
//
// When a partition moves, its new dispatcher asks the processors what they hold
// ([Holders]), and a processor whose dispatcher is gone tells the others what became of
// its batch. Nothing is lost where this fails: the lease ends and the commit is guarded.
//
// A [View] asks all dispatchers at once and goes on after a second without those that
// are silent.
package lease
