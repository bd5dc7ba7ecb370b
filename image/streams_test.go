package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// streamed is an image whose layers are made while they are read, so that
// they may be of any size.
type streamed []func() io.Reader

// Name implements [image.Source].
func (s streamed) Name() string { return "registry.example/hostile:v1" }

// Close implements [image.Source].
func (s streamed) Close() error { return nil }

// Resolve implements [image.Source]. No layer has the digest that it names.
func (s streamed) Resolve(context.Context, image.Platform) (*image.Manifest, error) {
	m := &image.Manifest{Digest: digest([]byte("manifest")), Platform: image.DefaultPlatform}
	for i := range s {
		m.Layers = append(m.Layers, image.Layer{Digest: digest(fmt.Append(nil, i))})
	}
	return m, nil
}

// Layer implements [image.Source].
func (s streamed) Layer(_ context.Context, l image.Layer) (io.ReadCloser, error) {
	for i, open := range s {
		if l.Digest == digest(fmt.Append(nil, i)) {
			return io.NopCloser(open()), nil
		}
	}
	return nil, io.ErrUnexpectedEOF
}

// repeated gives the same bytes again and again.
type repeated struct {
	b     []byte
	times int
	at    int
}

// Read implements [io.Reader].
func (r *repeated) Read(p []byte) (int, error) {
	if r.times == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[r.at:])
	if r.at += n; r.at == len(r.b) {
		r.at, r.times = 0, r.times-1
	}
	return n, nil
}

const mib = 1 << 20

// zeros is a layer of one file of so many MiB, all zero, as gzip makes it: a
// thousandth of the size.
func zeros(tb testing.TB, mb int) io.Reader {
	tb.Helper()
	head := packed(tb, tarHead(tb, &tar.Header{Name: "var/lib/dpkg/status", Size: int64(mb) * mib, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatGNU}))
	return io.MultiReader(bytes.NewReader(head), &repeated{b: packed(tb, make([]byte, 64*mib)), times: mb / 64})
}

// packed is one member of a gzip stream.
func packed(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	z, err := kgzip.NewWriterLevel(&out, kgzip.BestCompression)
	check(tb, err)
	_, err = z.Write(b)
	check(tb, err)
	check(tb, z.Close())
	return out.Bytes()
}

// tarHead is an entry without its content.
func tarHead(tb testing.TB, h *tar.Header) []byte {
	tb.Helper()
	var out bytes.Buffer
	check(tb, tar.NewWriter(&out).WriteHeader(h))
	return out.Bytes()
}

// entries is the tar of a layer of n empty files, in directories of a thousand.
type entries struct {
	head []byte
	sum  int // of the header less the digits of its name and its checksum
	i, n int
	rest []byte
}

func manyEntries(tb testing.TB, n int) io.Reader {
	tb.Helper()
	e := &entries{n: n, head: tarHead(tb, &tar.Header{Name: "srv/0000/0000000", Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatUSTAR})}
	copy(e.head[148:], "        ")
	for _, c := range e.head[:512] {
		e.sum += int(c)
	}
	e.sum -= 11 * '0'
	return io.MultiReader(e, bytes.NewReader(make([]byte, 1024)))
}

// Read implements [io.Reader].
func (e *entries) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(e.rest) == 0 {
			if e.i == e.n {
				return n, io.EOF
			}
			e.next()
		}
		m := copy(p[n:], e.rest)
		n, e.rest = n+m, e.rest[m:]
	}
	return n, nil
}

func (e *entries) next() {
	sum := e.sum + digits(e.head[4:8], e.i/1000, 10) + digits(e.head[9:16], e.i, 10)
	digits(e.head[148:154], sum, 8)
	copy(e.head[154:], "\x00 ")
	e.i++
	e.rest = e.head
}

// digits writes a number, and gives the sum of its characters.
func digits(p []byte, n, base int) (sum int) {
	for i := len(p) - 1; i >= 0; i-- {
		p[i] = byte('0' + n%base)
		sum += int(p[i])
		n /= base
	}
	return sum
}

// sum writes a header's checksum.
//
// Source: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
func sum(head []byte) {
	copy(head[148:156], "        ")
	n := 0
	for _, c := range head[:512] {
		n += int(c)
	}
	copy(head[148:156], fmt.Appendf(nil, "%06o\x00 ", n))
}

// scanStream gives the one gap that a hostile layer leaves beside what the
// good one has.
func scanStream(tb testing.TB, layer func() io.Reader) azward.Gap {
	tb.Helper()
	img, err := (&image.Scanner{Workers: 2}).Scan(tb.Context(), streamed{layer})
	if err != nil {
		tb.Fatal(err)
	}
	if len(img.Gaps) != 1 || img.Gaps[0].Remedy == "" || !strings.HasPrefix(img.Gaps[0].Reads, "layer sha256:") {
		tb.Fatalf("%+v", img.Gaps)
	}
	return img.Gaps[0]
}
