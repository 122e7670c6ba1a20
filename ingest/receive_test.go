package ingest_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"bulkhead/internal/bulk"
)

func TestIdleBodyEndsAndWhatCameIsKept(t *testing.T) {
	f := newFixture(t, func(c *config) { c.Limits.IdleSeconds = 1 })
	id := f.open(-1, bulk.Options{})
	body, feed := io.Pipe()
	defer body.Close()
	go io.WriteString(feed, plain)
	err := f.Receive(t.Context(), f.account, id, bulk.Body{Reader: body, Length: -1})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Receive = %v, want a deadline", err)
	}
	if imp := f.imp(id); imp.Bytes.Received != int64(len(plain)) || imp.Sealed {
		t.Errorf("%+v", imp.Bytes)
	}
}

// leaving is a body whose client leaves after the text.
type leaving struct {
	text  string
	leave func()
}

func (l *leaving) Read(p []byte) (int, error) {
	if l.text == "" {
		l.leave()
		return 0, io.EOF
	}
	n := copy(p, l.text)
	l.text = l.text[n:]
	return n, nil
}

func TestClientThatLeavesLosesNothing(t *testing.T) {
	f := newFixture(t)
	id := f.open(-1, bulk.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	body := &leaving{text: plain, leave: func() {
		f.until(func() bool { return f.imp(id).State == bulk.StateReceiving })
		cancel()
		<-t.Context().Done()
	}}
	if err := f.Receive(ctx, f.account, id, bulk.Body{Reader: body, Length: -1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Receive = %v", err)
	}
	if imp := f.imp(id); imp.Bytes.Received != int64(len(plain)) || imp.Sealed {
		t.Errorf("%+v", imp.Bytes)
	}
}

func TestBodyShorterThanAnnounced(t *testing.T) {
	f := newFixture(t)
	id := f.open(100, bulk.Options{})
	if err := f.Receive(t.Context(), f.account, id, bulk.Body{Reader: strings.NewReader(plain), Length: 100}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Receive = %v", err)
	}
	if imp := f.imp(id); imp.Bytes.Received != int64(len(plain)) || imp.Sealed {
		t.Errorf("%+v", imp.Bytes)
	}
}

func TestForeignImport(t *testing.T) {
	f := newFixture(t)
	id := f.open(-1, bulk.Options{})
	err := f.Receive(t.Context(), bulk.NewAccountID(), id, bulk.Body{Reader: strings.NewReader(plain), Length: -1})
	if bulk.KindOf(err) != bulk.KindNotFound {
		t.Errorf("Receive = %v", err)
	}
}

func TestStagedIsTold(t *testing.T) {
	f := newFixture(t, small)
	id, err := f.receive(awkward(40), bulk.Options{})
	f.must(err)
	if got, want := f.staged.Load(), f.imp(id).Batches.Total; got != want {
		t.Errorf("told %d times of %d batches", got, want)
	}
}

func TestPreview(t *testing.T) {
	f := newFixture(t, func(c *config) {
		c.Infer = func(header []string, rows [][]string, spec *bulk.Spec) []bulk.PreviewColumn {
			out := make([]bulk.PreviewColumn, len(header))
			for i := range header {
				out[i] = bulk.PreviewColumn{Name: header[i], Type: bulk.TypeText, Field: header[i]}
			}
			return out
		}
	})
	file := "id;name\n1;Müller\n2;too;many\n3;Meier\n"
	for name, sample := range map[string]string{"plain": file, "gzip": zipped(file), "zstd": zstandard(file)} {
		p, err := f.Preview(t.Context(), bulk.Sample{Bytes: []byte(sample), Whole: true, Spec: &things})
		if err != nil || p.Problem != nil || p.Dialect.Delimiter != ';' || len(p.Header) != 2 || len(p.Rows) != 2 || p.Rows[0][1] != "Müller" || p.Truncated {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if len(p.Rejects) != 1 || p.Rejects[0].Code != bulk.CodeColumnCount || p.Rejects[0].Line != 3 {
			t.Errorf("%s: rejects %+v", name, p.Rejects)
		}
		if len(p.Columns) != 2 || len(p.Unmapped) != 1 || p.Unmapped[0] != "size" || len(p.Missing) != 0 {
			t.Errorf("%s: columns %+v, unmapped %v, missing %v", name, p.Columns, p.Unmapped, p.Missing)
		}
	}
	long := zipped(file + strings.Repeat("4;x\n", 50_000))
	if p, err := f.Preview(t.Context(), bulk.Sample{Bytes: []byte(long[:200])}); err != nil || p.Problem != nil || !p.Truncated || len(p.Header) != 2 {
		t.Errorf("a cut archive: %+v, %v", p, err)
	}
	for sample, want := range map[string]string{"": bulk.ErrEmptyFile, "%PDF-1.4": bulk.ErrNotCSV, "a,a\n1,2\n": bulk.ErrBadHeader, "a,b\n\"1,2": bulk.ErrUnterminatedQuote} {
		p, err := f.Preview(t.Context(), bulk.Sample{Bytes: []byte(sample), Whole: true})
		if err != nil || p.Problem == nil || p.Problem.Code != want {
			t.Errorf("Preview(%q) = %+v, %v; want %s", sample, p.Problem, err, want)
		}
	}
}
