//go:build unix

package image_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"

	"github.com/azward/azward/image"
)

// synthetic makes images of four kinds of layers, each about 50 MB unpacked,
// and a registry of twenty images on two bases.
func synthetic(b *testing.B) []*workload {
	b.Helper()
	s, r := newBlobServer(b)
	m := maker{r: rand.New(rand.NewPCG(1, 2)), program: program(b)}
	layers := map[string]layerFile{}
	for _, l := range []struct {
		kind string
		make func(*tar.Writer) error
	}{
		{"debian", m.debian},
		{"node", m.node},
		{"text", m.text},
		{"go", m.goProgram},
	} {
		layers[l.kind] = s.layer(b, l.make)
	}
	var out []*workload
	add := func(name string, images map[string][]layerFile) {
		var refs []image.Reference
		for repository, of := range images {
			s.image(b, repository, of)
			refs = append(refs, image.Reference{Kind: image.KindRegistry, Registry: r.Host, Repository: repository, Tag: "v1"})
		}
		w := newWorkload(b, r, refs)
		w.limit(b)
		w.name = fmt.Sprintf("%s/images=%d/MB=%d", name, len(refs), w.plain/1e6)
		out = append(out, w)
	}
	for kind, l := range layers {
		add(kind, map[string][]layerFile{kind: {l}})
	}
	fleet := map[string][]layerFile{}
	for i := range 20 {
		own := s.layer(b, func(w *tar.Writer) error {
			return m.file(w, "srv/app/package.json", fmt.Sprintf(`{"name":"svc","version":"1.0.%d"}`, i))
		})
		base := []layerFile{layers["debian"], layers["node"]}
		if i%2 == 1 {
			base = []layerFile{layers["debian"], layers["text"], layers["go"]}
		}
		fleet[fmt.Sprintf("svc%d", i)] = append(base, own)
	}
	add("fleet", fleet)
	return out
}

func newBlobServer(b *testing.B) (*blobServer, *image.Registry) {
	b.Helper()
	s := &blobServer{dir: b.TempDir(), manifests: map[string][]byte{}}
	server := httptest.NewServer(s)
	b.Cleanup(server.Close)
	r := &image.Registry{Host: strings.TrimPrefix(server.URL, "http://"), PlainHTTP: true}
	b.Cleanup(func() {
		check(b, r.Close())
		http.DefaultClient.CloseIdleConnections()
	})
	return s, r
}

type layerFile struct {
	digest string
	size   int64
}

// layer writes a compressed layer to disk.
func (s *blobServer) layer(tb testing.TB, fill func(*tar.Writer) error) layerFile {
	tb.Helper()
	var b bytes.Buffer
	z, err := kgzip.NewWriterLevel(&b, kgzip.DefaultCompression)
	check(tb, err)
	w := tar.NewWriter(z)
	check(tb, fill(w))
	check(tb, w.Close())
	check(tb, z.Close())
	return s.put(tb, b.Bytes())
}

func (s *blobServer) put(tb testing.TB, blob []byte) layerFile {
	tb.Helper()
	d := string(digest(blob))
	write(tb, filepath.Join(s.dir, strings.TrimPrefix(d, "sha256:")), blob)
	return layerFile{d, int64(len(blob))}
}

func (s *blobServer) image(tb testing.TB, repository string, layers []layerFile) {
	tb.Helper()
	var list []map[string]any
	var diffs []string
	for i, l := range layers {
		list = append(list, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": l.digest, "size": l.size})
		diffs = append(diffs, string(digest([]byte(fmt.Sprint("no layer has this content", l.digest, i)))))
	}
	config := s.put(tb, marshal(tb, map[string]any{
		"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
	}))
	s.manifests["/v2/"+repository+"/manifests/v1"] = marshal(tb, map[string]any{
		"schemaVersion": 2, "layers": list,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config.digest, "size": config.size},
	})
}

// program is the running test, a Go program like others.
func program(tb testing.TB) []byte {
	tb.Helper()
	self, err := os.Executable()
	check(tb, err)
	raw, err := os.ReadFile(self)
	check(tb, err)
	return raw
}

// maker fills layers with what compresses about as well as the real thing.
type maker struct {
	r       *rand.Rand
	program []byte
}

func (m maker) file(w *tar.Writer, name, body string) error {
	err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.WriteString(w, body)
	}
	return err
}

var words = strings.Fields("return function const module exports require if else this value length index object string array map set get new for of in while async await error name type default options callback undefined null true false")

func (m maker) prose(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[m.r.IntN(len(words))])
		b.WriteString([]string{" ", "(", ");\n", ".", ", ", " = "}[m.r.IntN(6)])
		if m.r.IntN(4) == 0 {
			fmt.Fprintf(&b, "%x", m.r.Uint32())
		}
	}
	return b.String()
}

// debian has a package database, file lists, and libraries.
func (m maker) debian(w *tar.Writer) error {
	code := bytes.ReplaceAll(m.program, []byte("\xff Go buildinf:"), []byte("\xff no buildinf:"))
	var status strings.Builder
	err := m.file(w, "etc/os-release", debian)
	for i := range 400 {
		name := fmt.Sprintf("lib%s%d", words[i%len(words)], i)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %d.%d-%d\nDescription: %s\n\n", name, i, i%7, i%3, strings.ReplaceAll(m.prose(300), "\n", "\n "))
		var list strings.Builder
		for j := range 80 {
			fmt.Fprintf(&list, "/usr/share/%s/%d/%s\n", name, j, words[j%len(words)])
			if err == nil && j%2 == 0 {
				err = m.file(w, fmt.Sprintf("usr/share/%s/%d/%s", name, j, words[j%len(words)]), m.prose(500))
			}
		}
		if err == nil {
			err = m.file(w, "var/lib/dpkg/info/"+name+".list", list.String())
		}
		at := m.r.IntN(len(code) - 100_000)
		if err == nil {
			err = m.file(w, "usr/lib/x86_64-linux-gnu/"+name+".so.1", "\x7fELF"+string(code[at:at+80_000]))
		}
	}
	if err == nil {
		err = m.file(w, "var/lib/dpkg/status", status.String())
	}
	return err
}

// node has 2,500 packages of nine files.
func (m maker) node(w *tar.Writer) error {
	for i := range 2500 {
		dir := fmt.Sprintf("srv/app/node_modules/%s-%d/", words[i%len(words)], i)
		body := fmt.Sprintf(`{"name":"%s-%d","version":"1.%d.0","description":%q,"license":"MIT"}`, words[i%len(words)], i, i%30, m.prose(400))
		if err := m.file(w, dir+"package.json", body); err != nil {
			return err
		}
		for j := range 8 {
			if err := m.file(w, fmt.Sprintf("%slib/%d.js", dir, j), m.prose(2000)); err != nil {
				return err
			}
		}
	}
	return nil
}

// text compresses 20 to 1: documentation, locales, logs.
func (m maker) text(w *tar.Writer) error {
	page := m.prose(4000)
	for i := range 500 {
		if err := m.file(w, fmt.Sprintf("usr/share/doc/%d.txt", i), strings.Repeat(page, 24)+fmt.Sprint(i)); err != nil {
			return err
		}
	}
	return m.file(w, "srv/six.egg-info", "Name: six\nVersion: 1\n")
}

func (m maker) goProgram(w *tar.Writer) error {
	return m.file(w, "usr/local/bin/app", string(m.program))
}
