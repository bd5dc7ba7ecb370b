package seal_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/seal/sealtest"
)

func TestSecretShowsItselfNowhere(t *testing.T) {
	t.Parallel()
	secret := seal.NewSecret("hunter2")
	type holder struct {
		Public  seal.Secret
		private seal.Secret
		pointer *seal.Secret
		list    []seal.Secret
	}
	held := holder{secret, secret, &secret, []seal.Secret{secret}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10v", "%-10.3s", "%t"} {
		if got := fmt.Sprintf(verb, secret); got != "[redacted]" {
			t.Errorf("%s gives %q", verb, got)
		}
		fmt.Fprintf(&out, verb+verb+verb, held, &held, []any{held, &secret})
	}
	fmt.Fprintf(&out, "%p %T", secret, secret)
	fmt.Fprintln(&out, held, secret, &secret, fmt.Errorf("with %v", secret))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "secret", secret, "pointer", &secret, "held", held)
	}
	asJSON, err := json.Marshal(map[string]any{"a": secret, "b": held, "c": &held})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	var asGob bytes.Buffer
	if err := gob.NewEncoder(&asGob).Encode(struct{ S seal.Secret }{secret}); err != nil {
		t.Fatal(err)
	}
	out.Write(asGob.Bytes())
	hexed := fmt.Sprintf("%x", "hunter2")
	for _, leak := range []string{"hunter2", hexed, strings.ToUpper(hexed), "104 117 110"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q leaks in:\n%s", leak, out.String())
		}
	}
	if secret.Reveal() != "hunter2" || secret.Empty() {
		t.Error("Reveal does not give the value")
	}
	if zero := (seal.Secret{}); !zero.Empty() || zero.Reveal() != "" || fmt.Sprint(zero) != "[redacted]" {
		t.Error("the zero secret is not empty")
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	sealtest.Run(t, func(t *testing.T) sealtest.Keys {
		dir := t.TempDir()
		return sealtest.Keys{
			Open:  func() seal.Provider { return seal.File(filepath.Join(dir, "keys", "key.json")) },
			Other: func() seal.Provider { return seal.File(filepath.Join(dir, "other.json")) },
		}
	})
}

func TestFileIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "key.json")
	sealOne(t, path)
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %04o, want %04o", name, got, want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the key file something was left: %v, %v", entries, err)
	}
}

func TestFileIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.json")
	var group sync.WaitGroup
	blobs := make([][]byte, 8)
	for i := range blobs { // eight processes at once
		group.Go(func() {
			b, err := seal.Box{Provider: seal.File(path)}.Seal(t.Context(), seal.NewSecret("hunter2"), "x")
			if err != nil {
				t.Error(err)
			}
			blobs[i] = b
		})
	}
	group.Wait()
	for _, b := range blobs {
		if _, err := (seal.Box{Provider: seal.File(path)}).Open(t.Context(), b, "x"); err != nil {
			t.Error(err)
		}
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		breakIt func(t *testing.T, path string)
		kind    azward.Kind
		cause   string
		remedy  string
		opening bool // break after sealing, then open
	}{
		{"readable_by_others", func(t *testing.T, p string) { write(t, p, "{}"); chmod(t, p, 0o640) }, azward.KindFailed, "others can reach it (mode 0640)", "chmod 600", false},
		{"empty", func(t *testing.T, p string) { write(t, p, "") }, azward.KindBadInput, "does not hold a key", "backup", false},
		{"not_a_keyset", func(t *testing.T, p string) { write(t, p, `{"key":[]}`) }, azward.KindBadInput, "does not hold a key", "backup", false},
		{"huge", func(t *testing.T, p string) { write(t, p, strings.Repeat("x", 1<<20)) }, azward.KindBadInput, "does not hold a key", "backup", false},
		{"a_folder", func(t *testing.T, p string) { mkdir(t, p) }, azward.KindFailed, "not a regular file", "--data", false},
		{"folder_is_a_file", func(t *testing.T, p string) { write(t, filepath.Dir(p), "") }, azward.KindFailed, "", "", false},
		{"lost", func(t *testing.T, p string) { remove(t, p) }, azward.KindNotFound, "no such file", "backup", true},
		{"cut_short", func(t *testing.T, p string) { write(t, p, `{"primaryKeyId":`) }, azward.KindBadInput, "does not hold a key", "backup", true},
		{"replaced", func(t *testing.T, p string) { remove(t, p); sealOne(t, p) }, azward.KindFailed, "sealed with key", "earlier key back", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "data", "key.json")
			var err error
			if tc.opening {
				sealedWhole := sealOne(t, path)
				tc.breakIt(t, path)
				_, err = seal.Box{Provider: seal.File(path)}.Open(t.Context(), sealedWhole, "x")
			} else {
				tc.breakIt(t, path)
				_, err = seal.Box{Provider: seal.File(path)}.Seal(t.Context(), seal.NewSecret("hunter2"), "x")
			}
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *azward.Error", err)
			}
			if e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) || e.Remedy == "" {
				t.Errorf("got kind %v, %v; remedy %q", e.Kind, e, e.Remedy)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "key.json")
	box := seal.Box{Provider: seal.File(path)}
	whole, err := box.Seal(f.Context(), seal.NewSecret("hunter2"), "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("azs1\xff"))
	f.Add([]byte("azs1\x00"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		got, err := box.Open(t.Context(), sealed, "x")
		if (err == nil) != bytes.Equal(sealed, whole) {
			t.Errorf("opened %q: %v", got.Reveal(), err)
		}
	})
}

func sealOne(t *testing.T, path string) []byte {
	t.Helper()
	b, err := seal.Box{Provider: seal.File(path)}.Seal(t.Context(), seal.NewSecret("hunter2"), "x")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path, content string) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
