package ingest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"bulkhead/ingest/csvscan"
	"bulkhead/internal/bulk"
	"bulkhead/internal/permits"
)

// decoding makes batches of a spooled file.
type decoding struct {
	u      *Uploads
	ctx    context.Context
	up     *bulk.Upload
	permit *permits.Permit
	stager *stager
	fresh  *bulk.Layout // not in the ledger yet
	sum    string       // of the file as uploaded
}

// decode reads a file's parts from where the last decoder got to, and seals the
// upload. The file may turn out to be refused.
func (u *Uploads) decode(ctx context.Context, seen bulk.Undecoded) error {
	up, err := u.Ledger.TakeDecoding(ctx, seen)
	if err != nil {
		return fmt.Errorf("take decoding: %w", err)
	}
	sum, err := newSums(&up)
	if err != nil {
		return err
	}
	ctx, rest := u.showWork(ctx, &up)
	defer rest()
	d := &decoding{u: u, ctx: ctx, up: &up, permit: u.permits.Of(seen.Account), stager: newStager(ctx, u, &up, nil), sum: sum.sha256()}
	err = d.run()
	if err := d.stager.finish(); err != nil {
		return err
	}
	if err != nil {
		return u.refuse(ctx, &up, err)
	}
	return nil
}

// showWork tells the ledger now and then that the upload is being decoded, however long
// a step takes: to read an archive through, to wait for a permit or for the store. Who
// shows nothing for Config.Patience has died. The context ends when another took over.
func (u *Uploads) showWork(ctx context.Context, up *bulk.Upload) (working context.Context, rest func()) {
	working, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		ticker := time.NewTicker(u.Patience / 5)
		defer ticker.Stop()
		for {
			select {
			case <-working.Done():
				return
			case <-ticker.C:
			}
			if err := u.Ledger.Worked(working, up.Import.AccountID, up.Import.ID, up.Epoch); errors.Is(err, bulk.ErrSuperseded) {
				cancel(err)
			}
		}
	})
	return working, func() { cancel(nil); wg.Wait() }
}

func (d *decoding) run() error {
	d.permit.Acquire()
	defer d.permit.Release()
	file := bufio.NewReader(d.parts())
	head, err := file.Peek(8)
	if err != nil && err != io.EOF {
		return err
	}
	compression := csvscan.Magic(head)
	if err := d.intact(compression); err != nil {
		return err
	}
	plain, err := newExpander(file, compression, d.u.Limits.ExpansionRatio)
	if err != nil {
		return err
	}
	defer plain.Close()
	text := bufio.NewReaderSize(&paced{r: plain, permit: d.permit}, d.u.Limits.PreviewBytes)
	dialect, err := d.dialect(text, compression)
	if err != nil {
		return err
	}
	return d.read(csvscan.Decode(text, dialect), dialect)
}

// Archives of up to intactUpTo bytes are read through before their first row, by at most
// intactTries decoders: a check that is lost with its process cannot be resumed, and must
// not keep a file from ever being read where processes come and go.
const (
	intactUpTo  = 256 << 20
	intactTries = 3
)

// intact reads an archive through once before anything of it is staged, so that one
// that is cut short, damaged or a bomb leaves no row behind. A larger one is found
// out when its bad place is reached.
func (d *decoding) intact(compression string) error {
	if compression == "" || d.up.Boundary.BatchNo > 0 || d.up.Length > intactUpTo || d.up.Checks >= intactTries {
		return nil
	}
	begun := d.progress(d.up.Boundary)
	begun.Check = true
	if err := d.put(write{Progress: begun}); err != nil {
		return err
	}
	plain, err := newExpander(d.parts(), compression, d.u.Limits.ExpansionRatio)
	if err != nil {
		return err
	}
	defer plain.Close()
	_, err = io.Copy(io.Discard, &paced{r: plain, permit: d.permit})
	return err
}

func (d *decoding) parts() *partReader {
	return &partReader{ctx: d.ctx, permit: d.permit, objects: d.u.Objects, parts: d.up.Parts}
}

func (d *decoding) dialect(text *bufio.Reader, compression string) (bulk.Dialect, error) {
	if layout := d.up.Import.Layout; layout != nil {
		return layout.Dialect, nil
	}
	sample, err := text.Peek(d.u.Limits.PreviewBytes)
	if err != nil && err != io.EOF {
		return bulk.Dialect{}, err
	}
	dialect, err := csvscan.Sniff(sample, err == io.EOF, d.up.Import.Options.Dialect)
	dialect.Compression = compression
	return dialect, err
}

func (d *decoding) read(text io.Reader, dialect bulk.Dialect) error {
	if _, err := io.CopyN(io.Discard, text, d.up.Boundary.Offset); err != nil {
		return fmt.Errorf("skip %d decoded bytes: %w", d.up.Boundary.Offset, err)
	}
	b, layout, err := d.u.newBatcher(d.up, text, dialect, false)
	if err != nil {
		return err
	}
	if d.up.Import.Layout == nil {
		d.fresh = layout
	}
	b.closed = d.closed
	if err := b.run(); !errors.Is(err, io.EOF) {
		return err
	}
	return b.end()
}

func (d *decoding) closed(rec arrow.Record, from, to bulk.Boundary, final bool) error {
	p := d.progress(to)
	if final {
		p.Seal = &bulk.Seal{SHA256: d.sum}
	}
	p.Layout, d.fresh = d.fresh, nil
	return d.put(write{Progress: p, rec: rec, from: from})
}

func (d *decoding) progress(to bulk.Boundary) bulk.Progress {
	return bulk.Progress{
		Account: d.up.Import.AccountID, Import: d.up.Import.ID, Epoch: d.up.Epoch,
		Offset: d.up.Offset, Length: d.up.Length, Digest: d.up.Digest, Boundary: to,
	}
}

func (d *decoding) put(next write) (err error) {
	d.permit.Yield(func() { err = d.stager.put(next) })
	return err
}

// paced yields its reader's permit after so many bytes, of which few may have become many.
type paced struct {
	r      io.Reader
	permit *permits.Permit
	n      int // bytes since it was acquired
}

// pace is how many decoded bytes are read with a permit before it is yielded.
const pace = 512 << 10

func (p *paced) Read(b []byte) (int, error) {
	if p.n >= pace {
		p.permit.Yield(func() {})
		p.n = 0
	}
	n, err := p.r.Read(b)
	p.n += n
	return n, err
}

// partReader reads a file's parts as one, each verified before a byte of it is given.
type partReader struct {
	ctx     context.Context
	permit  *permits.Permit // parts are fetched without it
	objects Objects
	parts   []bulk.Part // that are left
	data    []byte      // of the one being given
}

func (r *partReader) Read(p []byte) (int, error) {
	for len(r.data) == 0 {
		if len(r.parts) == 0 {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.data)
	r.data = r.data[n:]
	return n, nil
}

func (r *partReader) next() (err error) {
	part := r.parts[0]
	r.data = nil // one at a time
	if r.permit.Yield(func() { r.data, err = r.objects.Get(r.ctx, part.Object) }); err != nil {
		return fmt.Errorf("read part at byte %d: %w", part.From, err)
	}
	if sum := sha256.Sum256(r.data); hex.EncodeToString(sum[:]) != part.SHA256 {
		return fmt.Errorf("part at byte %d is damaged: its SHA-256 is not the one that was stored", part.From)
	}
	r.parts = r.parts[1:]
	return nil
}
