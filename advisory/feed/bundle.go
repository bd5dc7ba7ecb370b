package feed

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/bound"
)

// A bundle is everything that an index is built of, in one zip archive or one
// folder, with a manifest that has the sha256 of each file.

// manifest is the first file of a bundle.
type manifest struct {
	Format  string         `json:"format"`
	Created time.Time      `json:"created"`
	Files   []manifestLine `json:"files"`
}

// manifestLine is one file of a bundle, and where it came from.
type manifestLine struct {
	Name       string    `json:"name"`
	Bytes      int64     `json:"bytes"`
	SHA256     string    `json:"sha256"`
	Downloaded time.Time `json:"downloaded,omitzero"`
	Modified   time.Time `json:"modified,omitzero"`
}

const (
	bundleFormat = "azward-advisories/1"
	// maxBundleFiles bounds a manifest: exports, overlays and some thousand
	// records that changed.
	maxBundleFiles = 200_000
)

// BundleName is what a bundle of a day is called by custom.
func BundleName(at time.Time) string {
	return "azward-advisories-" + at.UTC().Format(time.DateOnly) + ".zip"
}

// Bundled says what a bundle holds.
type Bundled struct {
	File    string    `json:"file"`
	Created time.Time `json:"created"`
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
	// SHA256 is of the whole archive, or of a folder's manifest, in hex: it
	// holds for every byte of the bundle.
	SHA256 string `json:"sha256"`
}

// WriteBundle packs what [Renew] downloaded into dir, and gives the sha256 by
// which the other side makes sure that nobody changed it. The file appears
// whole or not at all.
func WriteBundle(ctx context.Context, dir, file string, at time.Time) (Bundled, error) {
	folder := filepath.Join(dir, filesFolder)
	root := os.DirFS(folder)
	list, err := bundleList(ctx, dir, root, at)
	if err != nil {
		return Bundled{}, err
	}
	out := Bundled{File: file, Created: list.Created, Files: len(list.Files)}
	err = replaceFile(file, func(w io.Writer) error {
		sum := sha256.New()
		counted := &counter{w: io.MultiWriter(w, sum)}
		if err := pack(ctx, counted, root, list); err != nil {
			return err
		}
		out.Bytes, out.SHA256 = counted.n, hex.EncodeToString(sum.Sum(nil))
		return nil
	})
	if ctx.Err() != nil {
		return Bundled{}, interrupted(ctx)
	}
	if err != nil {
		return Bundled{}, &azward.Error{
			Kind: azward.KindFailed, Op: "write bundle", Subject: file, Cause: err.Error(),
			Remedy: "name a file in a folder that can be written and has room", Err: err,
		}
	}
	return out, nil
}

// bundleList makes the manifest of a folder.
func bundleList(ctx context.Context, dir string, root fs.FS, at time.Time) (manifest, error) {
	state := map[string]held{}
	list := manifest{Format: bundleFormat, Created: at.UTC().Truncate(time.Second)}
	err := readJSON(filepath.Join(dir, stateFile), &state)
	if err == nil {
		known := (&updater{state: state}).known()
		err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
			if err = errors.Join(err, ctx.Err()); err != nil || d.IsDir() || strings.Contains(path.Base(name), strings.TrimSuffix(newSuffix, "*")) {
				return err
			}
			line := manifestLine{Name: name, Downloaded: known[name].Downloaded, Modified: known[name].Modified}
			line.Bytes, line.SHA256, err = digest(root, name, maxExport)
			list.Files = append(list.Files, line)
			return err
		})
	}
	switch {
	case ctx.Err() != nil:
		return list, interrupted(ctx)
	case err != nil, len(list.Files) == 0:
		return list, &azward.Error{
			Kind: azward.KindNotFound, Op: "bundle advisories", Subject: dir, Cause: "nothing has been downloaded yet",
			Remedy: "run azward advisory update first, on a machine that has a network", Err: err,
		}
	}
	return list, nil
}

// digest reads a file to its end, or to the limit.
func digest(root fs.FS, name string, limit int64) (n int64, sum string, err error) {
	f, err := root.Open(name)
	if err != nil {
		return 0, "", err
	}
	h := sha256.New()
	n, err = io.Copy(h, bound.Reader(f, limit, name))
	return n, hex.EncodeToString(h.Sum(nil)), errors.Join(err, f.Close())
}

func pack(ctx context.Context, w io.Writer, root fs.FS, list manifest) error {
	z := zip.NewWriter(w)
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	add := func(name string, from io.Reader) error {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: list.Created}
		if extension := path.Ext(name); extension == ".zip" || extension == ".gz" {
			header.Method = zip.Store // packed already, and then it can be read in place
		}
		to, err := z.CreateHeader(header)
		if err == nil {
			_, err = io.Copy(to, from)
		}
		return err
	}
	if err := add(manifestFile, strings.NewReader(string(data)+"\n")); err != nil {
		return err
	}
	for _, line := range list.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := root.Open(line.Name)
		if err != nil {
			return err
		}
		if err := errors.Join(add(line.Name, f), f.Close()); err != nil {
			return err
		}
	}
	return z.Close()
}

// OpenSource opens what an index is built of: a bundle as one file or
// unpacked, of which every byte is checked, or a folder without a manifest, of
// which nothing is known. Pin, when it is not "", is the sha256 that the bundle
// must have ([Bundled]). Close it after the build.
func OpenSource(ctx context.Context, name, pin string) (src Sources, b Bundled, closer io.Closer, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return src, b, nil, noSource(name, "it cannot be read: "+cause(err), err)
	}
	src.Dir, b.File, closer = name, name, io.NopCloser(nil)
	if info.IsDir() {
		src.FS = os.DirFS(name)
		data, err := readManifest(src.FS)
		if errors.Is(err, fs.ErrNotExist) && pin == "" {
			return src, b, closer, nil
		}
		if err != nil {
			return src, b, nil, tampered(name, "its manifest cannot be read", err)
		}
		sum := sha256.Sum256(data)
		b.SHA256 = hex.EncodeToString(sum[:])
	} else {
		var f *os.File
		if f, err = os.Open(name); err != nil {
			return src, b, nil, noSource(name, "it cannot be read: "+cause(err), err)
		}
		closer = f
		if b.Bytes, b.SHA256, err = sumOf(f); err == nil {
			src.FS, err = newBundleFS(f, b.Bytes)
		}
		if err != nil {
			return src, b, nil, errors.Join(tampered(name, "it is no bundle", err), f.Close())
		}
	}
	if pin != "" && !strings.EqualFold(pin, b.SHA256) {
		err = tampered(name, "its sha256 is "+b.SHA256+", and should be "+pin, nil)
	}
	if err == nil {
		err = src.verify(ctx, name, &b)
	}
	if err != nil {
		return src, b, nil, errors.Join(err, closer.Close())
	}
	return src, b, closer, nil
}

func cause(err error) string {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return disk.Err.Error()
	}
	return err.Error()
}

func sumOf(f *os.File) (n int64, sum string, err error) {
	h := sha256.New()
	n, err = io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}

func tampered(name, what string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read bundle", Subject: name, Cause: what, Err: err,
		Remedy: "do not use it: make and carry the bundle again (azward advisory bundle), and compare its sha256; the index before is unchanged",
	}
}

func readManifest(root fs.FS) ([]byte, error) {
	f, err := root.Open(manifestFile)
	if err != nil {
		return nil, err
	}
	data, err := bound.ReadAll(f, maxDocument, manifestFile)
	return data, errors.Join(err, f.Close())
}

// verify compares every file with the manifest, and the manifest with them.
func (s *Sources) verify(ctx context.Context, name string, b *Bundled) error {
	var list manifest
	data, err := readManifest(s.FS)
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	switch {
	case err != nil:
		return tampered(name, "its manifest cannot be read", err)
	case list.Format != bundleFormat:
		return tampered(name, fmt.Sprintf("its manifest has the format %.40q, and should have %q", list.Format, bundleFormat), nil)
	case len(list.Files) == 0 || len(list.Files) > maxBundleFiles:
		return tampered(name, fmt.Sprintf("its manifest names %d files", len(list.Files)), nil)
	}
	s.Known = map[string]advisory.Source{}
	for _, line := range list.Files {
		if ctx.Err() != nil {
			return interrupted(ctx)
		}
		if !fs.ValidPath(line.Name) {
			return tampered(name, fmt.Sprintf("its manifest names %.100q", line.Name), nil)
		}
		n, sum, err := digest(s.FS, line.Name, max(0, min(line.Bytes, maxExport)))
		switch {
		case errors.Is(err, bound.ErrTooLarge):
			return tampered(name, line.Name+" was changed: it is larger than the manifest says", nil)
		case err != nil:
			return tampered(name, line.Name+" cannot be read", err)
		case n != line.Bytes || sum != line.SHA256:
			return tampered(name, line.Name+" was changed: it is not what the manifest says", nil)
		}
		s.Known[line.Name] = advisory.Source{Downloaded: line.Downloaded, Modified: line.Modified}
	}
	b.Created, b.Files = list.Created, len(list.Files)
	return s.onlyKnown(name)
}

// onlyKnown refuses files that the manifest does not name: one more record
// could take the place of another.
func (s *Sources) onlyKnown(name string) error {
	return fs.WalkDir(s.FS, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return tampered(name, file+" cannot be read", err)
		}
		if _, ok := s.Known[file]; !ok && !d.IsDir() && file != manifestFile {
			return tampered(name, fmt.Sprintf("%.100q is in it, and not in its manifest", file), nil)
		}
		return nil
	})
}

// bundleFS reads an archive; files that are not packed in it can be read at a
// position, as the exports must be.
type bundleFS struct {
	*zip.Reader
	from   io.ReaderAt
	stored map[string]*zip.File
}

func newBundleFS(from io.ReaderAt, size int64) (bundleFS, error) {
	z, err := zip.NewReader(from, size)
	if err != nil {
		return bundleFS{}, err
	}
	b := bundleFS{Reader: z, from: from, stored: map[string]*zip.File{}}
	names := map[string]bool{}
	for _, f := range z.File {
		if names[f.Name] {
			return bundleFS{}, fmt.Errorf("%.100q is in it twice", f.Name)
		}
		names[f.Name] = true
		if f.Method == zip.Store && slices.Contains([]string{".zip", ".gz"}, path.Ext(f.Name)) {
			if f.CompressedSize64 != f.UncompressedSize64 || f.UncompressedSize64 > uint64(size) {
				return bundleFS{}, fmt.Errorf("%.100q is not as large as it says", f.Name)
			}
			b.stored[f.Name] = f
		}
	}
	return b, nil
}

// Open gives files of which those that are stored are an io.ReaderAt.
func (b bundleFS) Open(name string) (fs.File, error) {
	f, ok := b.stored[name]
	if !ok {
		return b.Reader.Open(name)
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return section{io.NewSectionReader(b.from, at, int64(f.UncompressedSize64)), f}, nil
}

type section struct {
	*io.SectionReader
	f *zip.File
}

func (s section) Stat() (fs.FileInfo, error) { return s.f.FileInfo(), nil }
func (section) Close() error                 { return nil }
