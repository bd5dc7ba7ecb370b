package feed

import (
	"crypto/md5" //nolint:gosec // what the store offers, against damage and not against attack
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/azward/azward/internal/bound"
)

// notesSuffix names the file beside a download that says of what it is.
const notesSuffix = ".json"

// maxNotes bounds azward's own small files, in bytes.
const maxNotes = 16 << 20

func sizeOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

// loadPartial gives what is there of a download from the address; nothing when
// it is of another, or cannot be read: then it begins anew.
func loadPartial(part, url string) partial {
	var p partial
	if err := readJSON(part+notesSuffix, &p); err != nil || p.URL != url {
		return partial{}
	}
	p.have = sizeOf(part)
	if p.Total >= 0 && p.have > p.Total {
		return partial{}
	}
	return p
}

func dropPartial(part string) error {
	return errors.Join(remove(part), remove(part+notesSuffix))
}

// remove is content when there is nothing.
func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func readJSON(file string, to any) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	data, err := bound.ReadAll(f, maxNotes, file)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

func writeJSON(file string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(file, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// replaceFile writes a file that appears whole or not at all.
func replaceFile(file string, write func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+newSuffix)
	if err != nil {
		return err
	}
	err = write(tmp)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		if err = os.Rename(tmp.Name(), file); err == nil {
			return nil
		}
	}
	return errors.Join(err, os.Remove(tmp.Name()))
}

// checkSums compares a file with what the server says of it, each
// "crc32c=BASE64" or "md5=BASE64", also several in one.
//
// Source: https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
func checkSums(file string, checksums []string) (err error) {
	type sum struct {
		name, want string
		hash       hash.Hash
	}
	var sums []sum
	var to []io.Writer
	for one := range strings.SplitSeq(strings.Join(checksums, ","), ",") {
		name, want, _ := strings.Cut(strings.TrimSpace(one), "=")
		s := sum{name: name, want: want}
		switch name {
		case "crc32c":
			s.hash = crc32.New(crc32.MakeTable(crc32.Castagnoli))
		case "md5":
			s.hash = md5.New() //nolint:gosec // see the import
		default:
			continue
		}
		sums, to = append(sums, s), append(to, s.hash)
	}
	if len(sums) == 0 {
		return nil
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(io.MultiWriter(to...), f); err != nil {
		return err
	}
	for _, s := range sums {
		if got := base64.StdEncoding.EncodeToString(s.hash.Sum(nil)); got != s.want {
			return fmt.Errorf("%w: %s is %s, and should be %s", errChecksum, s.name, got, s.want)
		}
	}
	return nil
}

var errChecksum = errors.New("the checksum does not fit")
