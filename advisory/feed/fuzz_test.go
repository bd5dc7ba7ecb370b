package feed_test

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory/feed"
)

// canned answers each path's last part without a network.
type canned map[string][]byte

func (c canned) RoundTrip(q *http.Request) (*http.Response, error) {
	name := q.URL.Path[strings.LastIndexByte(q.URL.Path, '/')+1:]
	data, ok := c[name]
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(data)), Body: io.NopCloser(bytes.NewReader(data)), Request: q}
	if !ok {
		resp.StatusCode = http.StatusNotFound
	}
	return resp, nil
}

// FuzzList: whatever a list of changed records says, nothing is written outside
// the folder, and a record that is in the export is in the index unless the
// list leaves it out.
func FuzzList(f *testing.F) {
	for _, seed := range []string{
		monday + ",R-0\n", tuesday + ",R-0\r\n" + monday + ",R-1\n", monday + ",../../R-0\n", monday + ",R-0", "x,y\n", monday + ",RHSA-2024:1\n", "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, list []byte) {
		root := t.TempDir()
		dir := filepath.Join(root, "a", "b", "cache")
		answers := canned{"all.zip": zipped(t, "R-0.json", npmRecord(0, monday)).Data, "modified_id.csv": []byte(monday + ",R-0\n"), "R-0.json": []byte(npmRecord(0, tuesday))}
		u := feed.Update{
			Dir: dir, Index: filepath.Join(root, "a", "x.idx"), Mirror: "http://mirror.invalid", At: at,
			Ecosystems: []string{"npm"}, Overlays: []string{}, HTTP: &http.Client{Transport: answers},
		}
		if _, err := feed.Renew(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		answers["modified_id.csv"] = list
		r, err := feed.Renew(t.Context(), u)
		if listed := bytes.Contains(list, []byte(",R-0")); err == nil && listed && r.Records != 1 {
			t.Errorf("%q: %d records", list, r.Records)
		}
		for folder, want := range map[string]int{root: 1, filepath.Join(root, "a"): 2, filepath.Join(root, "a", "b"): 1} {
			if left, err := os.ReadDir(folder); err != nil || len(left) != want {
				t.Errorf("%s has %v, %v", folder, left, err)
			}
		}
	})
}

// FuzzBundle: a bundle that differs from the one that was made is refused, or
// differs in nothing that is read.
func FuzzBundle(f *testing.F) {
	dir := f.TempDir()
	update := feed.Update{
		Dir: filepath.Join(dir, "cache"), Index: filepath.Join(dir, "x.idx"), Mirror: "http://mirror.invalid", At: at, Ecosystems: []string{"npm"}, Overlays: []string{},
		HTTP: &http.Client{Transport: canned{"all.zip": zipped(f, "R-0.json", npmRecord(0, monday)).Data, "modified_id.csv": []byte(monday + ",R-0\n")}},
	}
	if _, err := feed.Renew(f.Context(), update); err != nil {
		f.Fatal(err)
	}
	good := filepath.Join(dir, "good.zip")
	if _, err := feed.WriteBundle(f.Context(), update.Dir, good, at); err != nil {
		f.Fatal(err)
	}
	want, err := os.ReadFile(update.Index)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(good)
	if err != nil {
		f.Fatal(err)
	}
	for _, at := range []int{0, 30, len(whole) / 2, len(whole) - 30} {
		f.Add(at, byte(1))
	}
	f.Fuzz(func(t *testing.T, place int, change byte) {
		data := bytes.Clone(whole)
		data[uint(place)%uint(len(data))] ^= change
		file, index := filepath.Join(t.TempDir(), "b.zip"), filepath.Join(t.TempDir(), "x.idx")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := buildFrom(t.Context(), file, "", index); err != nil {
			if azward.KindOf(err) != azward.KindBadInput {
				t.Errorf("%v", err)
			}
			return
		}
		got, err := os.ReadFile(index)
		if err != nil || len(got) != len(want) {
			t.Errorf("byte %d: an index of %d bytes, not %d: %v", place, len(got), len(want), err)
		}
	})
}
