package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"
)

// Headers count, contents do not.
func TestHeadsAreCounted(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	body := bytes.Repeat([]byte("x"), 100<<10)
	for _, name := range []string{"a", "b", "c", "d"} {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o644, Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for left, want := range map[int64]error{4 << 10: io.EOF, 3 * 512: ErrHeadsTooLong} {
		h := &heads{r: bytes.NewReader(b.Bytes()), left: left}
		r := tar.NewReader(h)
		var err error
		for err == nil {
			h.on = true
			_, err = r.Next()
			h.on = false
		}
		if !errors.Is(err, want) {
			t.Errorf("with %d bytes: %v, want %v", left, err, want)
		}
	}
}
