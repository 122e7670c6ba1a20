package ingest

import (
	"runtime"
)

// divide says what becomes of the process's memory. First there is enough for one of
// each, and for two readers, since one may wait for the store. Of the rest, a quarter is
// for encoding, which needs most while it lasts, a third for decoders, which outlive
// every request, a quarter for reading records, and what remains for the bytes of
// requests, of which an account gets half.
func (u *Uploads) divide() (permits, decoders, readers int, requests int64) {
	more := max(0, u.Memory-u.encodingBytes()-u.decoderBytes()-2*u.readingBytes()-2*u.uploadBytes())
	permits = 1 + int(min(int64(runtime.GOMAXPROCS(0))-1, more/4/u.encodingBytes()))
	decoders = 1 + int(min(maxDecoders-1, more/3/u.decoderBytes()))
	readers = 2 + int(min(maxReaders-2, more/4/u.readingBytes()))
	rest := u.Memory - int64(permits)*u.encodingBytes() - int64(decoders)*u.decoderBytes() - int64(readers)*u.readingBytes()
	return permits, decoders, readers, max(rest, 2*u.uploadBytes())
}

// How many spooled files are decoded, and uploads read, at once where memory suffices.
const (
	maxDecoders = 4
	maxReaders  = 16
)

// The most memory that things take, in bytes. TestReservationsHold compares it with
// what they do take when they are made to take most.

// anythingBytes is what no length or bound of a file governs: stacks, schemas, a
// connection's buffers.
const anythingBytes = 1 << 20

// requestBytes is what a request takes before a byte of its file is there.
const requestBytes = 512 << 10

// uploadBytes is what taking in a file takes at most: what was read since the last
// boundary, which grows by copying, or two parts, one of them likewise.
func (u *Uploads) uploadBytes() int64 {
	return requestBytes + max(2*(int64(u.room())+pullBytes), 5*int64(u.PartBytes)/2)
}

// decoderBytes is what decoding a spooled file takes: two parts while it is checked, a
// window and a sample of the text besides.
func (u *Uploads) decoderBytes() int64 {
	return 2*int64(u.PartBytes) + maxWindow + int64(u.Limits.PreviewBytes) + u.readingBytes()
}

// readingBytes is a record in the reader, as it stands and unquoted, and one batch that
// is built while another is made an object. Their columns are sized by the batch before,
// which may have had other long ones, and grow by copying. A tail goes with each.
func (u *Uploads) readingBytes() int64 {
	return anythingBytes + 2*u.recordBytes() + 5*u.batchBytes() + 2*int64(u.TailBytes)
}

// previewBytes is what a preview takes, most of it for cells that are a byte each.
func (u *Uploads) previewBytes(compressed bool) int64 {
	n := anythingBytes + 64*int64(u.Limits.PreviewBytes)
	if compressed {
		n += maxWindow
	}
	return n
}

// encodingBytes is what encoding a batch takes besides the batch.
func (u *Uploads) encodingBytes() int64 { return 5 * u.batchBytes() }

// recordBytes is the longest record, which is one of a rejects.csv.
func (u *Uploads) recordBytes() int64 { return 2*int64(u.Limits.RecordBytes) + 64<<10 }

// batchBytes is the largest batch, which its last record makes too large. A byte is at
// most a cell, of 5 bytes, and a row, of 36.
func (u *Uploads) batchBytes() int64 {
	return int64(u.BatchBytes) + u.recordBytes()
}

// room is how many bytes an upload keeps since its last boundary.
func (u *Uploads) room() int { return u.BatchBytes + 4*u.Limits.RecordBytes + u.TailBytes }
