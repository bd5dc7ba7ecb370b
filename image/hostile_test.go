package image_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// A layer made to cost more than it is worth ends at a named limit. The gzip
// bomb is in TestMemoryIsBounded.
func TestHostileLayers(t *testing.T) {
	t.Parallel()
	head := func(h *tar.Header) []byte { return tarHead(t, h) }
	for _, tc := range []struct {
		name  string
		layer func() io.Reader
		want  string
	}{
		{"zstd_bomb_of_10_GB", func() io.Reader { return zstdZeros(t, 10<<10) }, image.ErrExpands.Error()},
		{"zstd_window_of_1_GB", func() io.Reader {
			// A frame header: no single segment, window 2^30, then a raw block.
			return bytes.NewReader([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3, 0x01, 0x00, 0x00})
		}, image.ErrWindow.Error()},
		{"a_million_entries_and_one", func() io.Reader { return manyEntries(t, 1_000_001) }, image.ErrTooManyEntries.Error()},
		{"extended_header_of_4_MB", func() io.Reader {
			return bytes.NewReader(paxEntry(t, "SCHILY.xattr.user.x", strings.Repeat("x", 4<<20)))
		}, image.ErrHeadTooLong.Error()},
		{"name_of_4_MB", func() io.Reader {
			return bytes.NewReader(append(rawHead('L', 4<<20), make([]byte, 4<<20)...))
		}, image.ErrHeadTooLong.Error()},
		{"extended_headers_without_end", func() io.Reader {
			return &repeated{b: append(rawHead('x', 1<<20), make([]byte, 1<<20)...), times: 1200}
		}, "archive"},
		{"long_names_without_end", func() io.Reader {
			return &repeated{b: append(rawHead('L', 1<<20), make([]byte, 1<<20)...), times: 1200}
		}, image.ErrHeadsTooLong.Error()},
		{"size_of_eight_exbibytes", func() io.Reader {
			return bytes.NewReader(paxEntry(t, "size", "9223372036854775807"))
		}, "unexpected EOF"},
		{"negative_size", func() io.Reader { return bytes.NewReader(paxEntry(t, "size", "-1")) }, image.ErrNotTar.Error()},
		{"holes_listed_without_end", func() io.Reader {
			return bytes.NewReader(append(
				paxEntry(t, "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "x", "GNU.sparse.realsize", "1", "size", fmt.Sprint(8<<20)),
				append([]byte("4000000\n"), bytes.Repeat([]byte("0\n"), 4<<20)...)...))
		}, "archive"},
		{"truncated_in_a_header", func() io.Reader {
			return bytes.NewReader(tarOf(t, entry{name: "a", body: "b"}, entry{name: "c"})[:1300])
		}, "unexpected EOF"},
		{"truncated_in_a_file", func() io.Reader {
			return bytes.NewReader(append(head(&tar.Header{Name: "six.egg-info", Size: 9000, Typeflag: tar.TypeReg}), "Name: six\n"...))
		}, "unexpected EOF"},
		{"a_document_and_no_archive", func() io.Reader { return strings.NewReader(`{"_type":"https://in-toto.io/Statement/v1"}`) }, "not a tar"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if raceDetector && (tc.want == image.ErrTooManyEntries.Error() || tc.want == image.ErrHeadsTooLong.Error()) {
				t.Skip("a gigabyte of headers takes too long with the race detector")
			}
			if g := scanStream(t, tc.layer); !strings.Contains(g.Error, tc.want) {
				t.Errorf("%+v", g)
			}
		})
	}
}

func zstdZeros(tb testing.TB, mb int) io.Reader {
	tb.Helper()
	enc, err := zstd.NewWriter(nil)
	check(tb, err)
	head := tarHead(tb, &tar.Header{Name: "x", Size: int64(mb) * mib, Mode: 0o644, Typeflag: tar.TypeReg, Format: tar.FormatGNU})
	return io.MultiReader(bytes.NewReader(enc.EncodeAll(head, nil)), &repeated{b: enc.EncodeAll(make([]byte, 64*mib), nil), times: mb / 64})
}

// rawHead is a header of any kind, as archive/tar would not write it.
func rawHead(kind byte, size int) []byte {
	head := make([]byte, 512)
	copy(head, "x")
	copy(head[100:], "0000644\x000000000\x000000000\x00")
	copy(head[124:], fmt.Sprintf("%011o\x0000000000000\x00", size))
	head[156] = kind
	copy(head[257:], "ustar\x0000")
	sum(head)
	return head
}

// paxEntry is an empty file with the records of an extended header.
func paxEntry(tb testing.TB, records ...string) []byte {
	tb.Helper()
	var body []byte
	for i := 0; i < len(records); i += 2 {
		rest := len(" =\n") + len(records[i]) + len(records[i+1])
		n := rest + len(fmt.Sprint(rest))
		n = rest + len(fmt.Sprint(n))
		body = fmt.Appendf(body, "%d %s=%s\n", n, records[i], records[i+1])
	}
	out := append(rawHead('x', len(body)), body...)
	out = append(out, make([]byte, (512-len(body)%512)%512)...)
	return append(out, rawHead('0', 0)...)
}

// What the paths of a layer may be is the image's own business; where they
// may lead is not.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	npm := func(name string) string { return `{"name":"` + name + `","version":"1"}` }
	const file = "node_modules/x/package.json"
	chain := []entry{}
	for i := range 50 {
		chain = append(chain, entry{name: fmt.Sprint("l", i), kind: tar.TypeSymlink, link: fmt.Sprint("l", i+1)})
	}
	for _, tc := range []struct {
		name    string
		entries []entry
		want    []string
		gaps    []string
	}{
		{"absolute", []entry{{name: "/srv/" + file, body: npm("x")}}, []string{"npm x 1 /srv/" + file}, nil},
		{"many_slashes", []entry{{name: "//srv///" + file, body: npm("x")}}, []string{"npm x 1 /srv/" + file}, nil},
		{"dots_within", []entry{{name: "srv/../srv/./" + file, body: npm("x")}}, []string{"npm x 1 /srv/" + file}, nil},
		{"dots_out", []entry{{name: "srv/../../" + file, body: npm("x")}}, []string{}, []string{image.ErrLeadsOut.Error()}},
		{"absolute_dots_out", []entry{{name: "/../" + file, body: npm("x")}}, []string{}, []string{image.ErrLeadsOut.Error()}},
		{"too_long", []entry{{name: strings.Repeat("a/", 2100) + file, body: npm("x")}}, []string{}, []string{image.ErrPathTooLong.Error()}},
		{"the_root_itself", []entry{{name: "/", kind: tar.TypeDir}, {name: "./", kind: tar.TypeDir}, {name: file, body: npm("x")}}, []string{"npm x 1 /" + file}, nil},
		{"not_UTF-8", []entry{{name: "\xff/node_modules/x/package.json", body: "{"}}, []string{}, []string{"JSON"}},
		{"devices", []entry{
			{name: "etc/os-release", kind: tar.TypeFifo},
			{name: "var/lib/dpkg/status", kind: tar.TypeBlock},
			{name: "lib/apk/db/installed", kind: tar.TypeChar},
			{name: file, body: npm("x")},
		}, []string{"npm x 1 /" + file}, nil},
		{"device_in_a_file's_place", []entry{{name: file, body: npm("x")}, {name: file, kind: tar.TypeChar}}, []string{}, nil},
		{"same_name_twice", []entry{{name: file, body: npm("old")}, {name: file, body: npm("new")}}, []string{"npm new 1 /" + file}, nil},
		{"same_name_in_other_words", []entry{{name: file, body: npm("old")}, {name: "./node_modules//x/package.json", body: npm("new")}}, []string{"npm new 1 /" + file}, nil},
		{"a_file_in_a_directory's_place", []entry{{name: file, body: npm("x")}, {name: "node_modules", body: "x"}}, []string{}, nil},
		{"symbolic_loop", []entry{
			{name: "a", kind: tar.TypeSymlink, link: "b"},
			{name: "b", kind: tar.TypeSymlink, link: "a"},
			{name: "a/" + file, body: npm("x")},
		}, []string{}, []string{image.ErrLinkLoop.Error()}},
		{"symbolic_link_to_itself", []entry{{name: "a", kind: tar.TypeSymlink, link: "./a"}, {name: "a/" + file, body: npm("x")}}, []string{}, []string{image.ErrLinkLoop.Error()}},
		{"symbolic_link_into_itself", []entry{{name: "a", kind: tar.TypeSymlink, link: "a/a/a"}, {name: "a/" + file, body: npm("x")}}, []string{}, []string{image.ErrLinkLoop.Error()}},
		{"long_chain", append(chain, entry{name: "l0/" + file, body: npm("x")}), []string{}, []string{image.ErrLinkLoop.Error()}},
		{"symbolic_link_that_leads_out", []entry{
			{name: "a", kind: tar.TypeSymlink, link: "../../../srv"}, // the root is its own parent
			{name: "a/" + file, body: npm("x")},
		}, []string{"npm x 1 /srv/" + file}, nil},
		{"release_that_links_to_itself", []entry{{name: "etc/os-release", kind: tar.TypeSymlink, link: "os-release"}, {name: file, body: npm("x")}}, []string{"npm x 1 /" + file}, nil},
		{"hard_link_to_itself", []entry{{name: file, kind: tar.TypeLink, link: file}}, []string{}, []string{"hard link"}},
		{"hard_links_in_a_ring", []entry{{name: "a/" + file, kind: tar.TypeLink, link: "b/" + file}, {name: "b/" + file, kind: tar.TypeLink, link: "a/" + file}}, []string{}, []string{"hard link", "hard link"}},
		{"hard_link_out", []entry{{name: file, kind: tar.TypeLink, link: "../../etc/passwd"}}, []string{}, []string{image.ErrLeadsOut.Error()}},
		{"hard_link_to_a_directory", []entry{{name: "d/", kind: tar.TypeDir}, {name: file, kind: tar.TypeLink, link: "d"}}, []string{}, []string{"directory"}},
		{"whiteout_of_what_is_above", []entry{{name: "a/.wh..."}, {name: ".wh."}, {name: "a/.wh..wh.plnk", body: "x"}, {name: file, body: npm("x")}}, []string{"npm x 1 /" + file}, []string{"removes no file", "removes no file"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			img := scan(t, gzipped(t, tarOf(t, tc.entries...)).layout(t))
			if diff := cmp.Diff(tc.want, brief(img)); diff != "" {
				t.Error(diff)
			}
			gapsAre(t, img.Gaps, tc.gaps)
		})
	}
}

func gapsAre(t *testing.T, gaps []azward.Gap, want []string) {
	t.Helper()
	if len(gaps) != len(want) {
		t.Fatalf("gaps %+v, want %q", gaps, want)
	}
	for i, g := range gaps {
		if !strings.Contains(g.Error, want[i]) || g.Scope == "" || len(g.Reads) > 1000 {
			t.Errorf("gap %+v, want %q", g, want[i])
		}
	}
}

// Gaps are kept as far as someone reads them; the rest is counted.
func TestGapsAreCounted(t *testing.T) {
	t.Parallel()
	var list []entry
	for i := range 60 {
		list = append(list, entry{name: fmt.Sprintf("%d/node_modules/x/package.json", i), body: "{"})
	}
	img := scan(t, gzipped(t, tarOf(t, list...)).layout(t))
	if len(img.Gaps) != 51 || !strings.HasPrefix(img.Gaps[50].Error, "10 more") {
		t.Errorf("%d gaps: %+v", len(img.Gaps), img.Gaps[len(img.Gaps)-1])
	}
}

// A jar made to cost more than it is worth is a gap; the layer's other
// packages are there.
func TestHostileArchives(t *testing.T) {
	t.Parallel()
	const pomFile = "META-INF/maven/a/b/pom.properties"
	deep := jarOf(t, pomFile, pom("deep", "deep", "1"))
	for range 6 {
		deep = jarOf(t, "lib/x.jar", deep)
	}
	bomb := jarOf(t, "zero.jar", strings.Repeat("\x00", 20<<20))
	for _, tc := range []struct{ name, jar, want string }{
		{"large_entry", jarOf(t, pomFile, strings.Repeat("\x00", 20<<20)), "the entry"},
		{"large_nested_archive", jarOf(t, "lib/x.jar", strings.Repeat("\x00", 70<<20)), "the entry"},
		{"bomb_in_an_archive_in_an_archive", jarOf(t, "lib/x.jar", bomb, "lib/y.jar", bomb, "lib/z.jar", bomb, "lib/zz.jar", bomb), "the entry"},
		{"nested_without_end", deep, "nested more than 4 deep"},
		{"entries_that_overlap", overlapping(t, 20_000, 8<<20), "more than 100 times"},
		{"long_list", listed(240_000, 0), "more than 200000 entries"},
		{"list_of_long_names", listed(570, 60_000), "the list of its entries"},
		{"list_cut_off", listed(100, 10)[:2000], "no archive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			layer := tarOf(t, entry{name: "six.egg-info", body: "Name: six\nVersion: 1\n"}, entry{name: "srv/x.jar", body: tc.jar})
			img := scan(t, build(t, [][]byte{layer}, [][]byte{layer}).layout(t))
			if diff := cmp.Diff([]string{"PyPI six 1 /six.egg-info"}, brief(img)); diff != "" {
				t.Error(diff)
			}
			if len(img.Gaps) != 1 || !strings.Contains(img.Gaps[0].Error, tc.want) || !strings.HasSuffix(img.Gaps[0].Reads, "/srv/x.jar") || len(img.Gaps[0].Error) > 4000 {
				t.Errorf("%.1000v", img.Gaps)
			}
		})
	}
}

// overlapping is a ZIP file whose n entries all have the same zeros for
// content.
func overlapping(tb testing.TB, n, size int) string {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("META-INF/maven/a/b/pom.properties")
	check(tb, err)
	_, err = w.Write(make([]byte, size))
	check(tb, err)
	check(tb, z.Close())
	raw := b.Bytes()
	end := bytes.LastIndex(raw, []byte("PK\x05\x06"))
	at := bytes.Index(raw, []byte("PK\x01\x02"))
	return string(raw[:at]) + strings.Repeat(string(raw[at:end]), n) + zipEnd(n, n*(end-at), at)
}

// listed is a ZIP file of nothing but a list of n files with names of a length.
//
// Source: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3.12)
func listed(n, name int) string {
	one := make([]byte, 46+name)
	copy(one, "PK\x01\x02")
	binary.LittleEndian.PutUint32(one[16:], crc32.ChecksumIEEE(nil))
	binary.LittleEndian.PutUint16(one[28:], uint16(name))
	for i := range name {
		one[46+i] = 'n'
	}
	return strings.Repeat(string(one), n) + zipEnd(n, n*len(one), 0)
}

// zipEnd says where the list is, and how long.
func zipEnd(n, size, at int) string {
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(n))
	binary.LittleEndian.PutUint16(end[10:], uint16(n))
	binary.LittleEndian.PutUint32(end[12:], uint32(size))
	binary.LittleEndian.PutUint32(end[16:], uint32(at))
	return string(end)
}

// What a layer is called does not decide how it is read.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, entry{name: "six.egg-info", body: "Name: six\nVersion: 1\n"})
	enc, err := zstd.NewWriter(nil)
	check(t, err)
	const oci, docker = "application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."
	for _, tc := range []struct {
		name, mediaType string
		stored          []byte
		gap             string
	}{
		{"gzip_called_zstd", oci + "v1.tar+zstd", gz(t, plain), ""},
		{"zstd_called_gzip", oci + "v1.tar+gzip", enc.EncodeAll(plain, nil), ""},
		{"gzip_called_plain", oci + "v1.tar", gz(t, plain), ""},
		{"plain_called_gzip", docker + "diff.tar.gzip", plain, ""},
		{"compression_of_another_kind", oci + "v1.tar+xz", []byte("\xfd7zXZ\x00" + strings.Repeat("x", 2000)), "not a tar"},
		{"foreign", docker + "foreign.diff.tar.gzip", gz(t, plain), image.ErrForeign.Error()},
		{"nondistributable", oci + "nondistributable.v1.tar+gzip", gz(t, plain), image.ErrForeign.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := build(t, [][]byte{tc.stored}, [][]byte{plain})
			b.manifest = bytes.ReplaceAll(b.manifest, []byte(oci+"v1.tar+gzip"), []byte(tc.mediaType))
			img := scan(t, b.layout(t))
			if tc.gap == "" {
				if len(img.Packages) != 1 || len(img.Gaps) != 0 {
					t.Errorf("%+v", img)
				}
				return
			}
			if len(img.Packages) != 0 || len(img.Gaps) != 1 || !strings.Contains(img.Gaps[0].Error, tc.gap) || img.Gaps[0].Remedy == "" {
				t.Errorf("%+v", img)
			}
		})
	}
}
