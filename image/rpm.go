package image

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/azward/azward/internal/bound"
)

// Tags of an rpm header and their types.
//
// Source: https://rpm-software-management.github.io/rpm/manual/tags.html
const (
	rpmName       = 1000
	rpmVersion    = 1001
	rpmRelease    = 1002
	rpmEpoch      = 1003
	rpmArch       = 1022
	rpmSourceRPM  = 1044
	rpmDirIndexes = 1116
	rpmBaseNames  = 1117
	rpmDirNames   = 1118

	rpmInt32       = 4
	rpmString      = 6
	rpmStringArray = 8

	// maxRpmHeader bounds one package's header, in bytes: the kernel's, with
	// its file list, takes 4 MB.
	maxRpmHeader = 64 << 20
	maxRpmFiles  = 2_000_000
)

// readRpmSQLite reads rpm's database in SQLite, the format of Azure Linux,
// Fedora and RHEL 9. The engine needs a file, so the database is put aside.
func readRpmSQLite(in *input) (_ *File, err error) {
	aside, err := spill(in.path, in.reader(), in.size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, aside.release()) }()
	// immutable: there is no journal beside the copy, and nothing is written.
	db, err := sql.Open("sqlite", "file:"+aside.spill.Name()+"?mode=ro&immutable=1")
	if err != nil {
		return nil, fmt.Errorf("open rpm database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(context.Background(), "SELECT blob FROM Packages")
	if err != nil {
		return nil, fmt.Errorf("read rpm database: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	f := &File{Database: true}
	for rows.Next() {
		var blob sql.RawBytes
		if err := rows.Scan(&blob); err != nil {
			return f, fmt.Errorf("read rpm database: %w", err)
		}
		p, err := parseRpmHeader(blob)
		if err != nil {
			return f, fmt.Errorf("read rpm header: %w", err)
		}
		if p.Name != "gpg-pubkey" { // a key that rpm files among packages
			f.Packages = append(f.Packages, p)
		}
	}
	sortFound(f.Packages)
	return f, rows.Err()
}

// rpmHeader is a package's header: entries of tag, type, offset and count,
// then the store that the offsets point into. All numbers are big-endian.
type rpmHeader struct {
	index, store []byte
}

func parseRpmHeader(b []byte) (Found, error) {
	if len(b) < 8 {
		return Found{}, errors.New("it is too short")
	}
	n, size := uint64(binary.BigEndian.Uint32(b)), uint64(binary.BigEndian.Uint32(b[4:]))
	if size > maxRpmHeader {
		return Found{}, &bound.SizeError{What: "the header", Limit: maxRpmHeader}
	}
	if 8+16*n+size > uint64(len(b)) {
		return Found{}, errors.New("it ends early")
	}
	h := rpmHeader{b[8 : 8+16*n], b[8+16*n : 8+16*n+size]}
	p := Found{Type: "rpm", Name: h.text(rpmName), Arch: h.text(rpmArch), Source: sourceName(h.text(rpmSourceRPM))}
	if h.text(rpmVersion) == "" {
		return Found{}, errors.New("it names no version")
	}
	version := h.text(rpmVersion) + "-" + h.text(rpmRelease)
	epoch := ""
	if e := h.ints(rpmEpoch); len(e) == 1 {
		epoch = fmt.Sprint(e[0])
	}
	p.Version = withEpoch(epoch, version)
	p.Owned = h.files()
	return p, plausible(p.Name, p.Version)
}

// find gives the bytes from a tag's value on, and how many values there are.
func (h rpmHeader) find(tag, kind uint32) (value []byte, count uint32) {
	for i := 0; i+16 <= len(h.index); i += 16 {
		e := h.index[i:]
		if binary.BigEndian.Uint32(e) != tag {
			continue
		}
		got, at := binary.BigEndian.Uint32(e[4:]), uint64(binary.BigEndian.Uint32(e[8:]))
		if got != kind || at > uint64(len(h.store)) {
			return nil, 0
		}
		return h.store[at:], binary.BigEndian.Uint32(e[12:])
	}
	return nil, 0
}

func (h rpmHeader) text(tag uint32) string {
	b, _ := h.find(tag, rpmString)
	s, _, _ := strings.Cut(string(b[:min(len(b), maxNameLen+1)]), "\x00")
	return s
}

func (h rpmHeader) ints(tag uint32) []uint32 {
	b, n := h.find(tag, rpmInt32)
	if uint64(n)*4 > uint64(len(b)) || n > maxRpmFiles {
		return nil
	}
	out := make([]uint32, n)
	for i := range out {
		out[i] = binary.BigEndian.Uint32(b[i*4:])
	}
	return out
}

func (h rpmHeader) texts(tag uint32) []string {
	b, n := h.find(tag, rpmStringArray)
	if uint64(n) > uint64(len(b)) || n > maxRpmFiles {
		return nil
	}
	out := make([]string, 0, n)
	rest := string(b)
	for range n {
		s, after, ok := strings.Cut(rest, "\x00")
		if !ok {
			return out
		}
		out, rest = append(out, s), after
	}
	return out
}

// files gives those of the package's files that could be language packages.
func (h rpmHeader) files() []string {
	dirs, names, places := h.texts(rpmDirNames), h.texts(rpmBaseNames), h.ints(rpmDirIndexes)
	var out []string
	for i, name := range names {
		if i >= len(places) || int(places[i]) >= len(dirs) {
			break
		}
		if p := strings.TrimPrefix(dirs[places[i]]+name, "/"); ownable(p) {
			out = append(out, p)
		}
	}
	return out
}
