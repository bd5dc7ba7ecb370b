package image

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"debug/pe"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/azward/azward/internal/bound"
)

// depSection is where cargo-auditable puts the list of a program's crates:
// JSON, compressed with zlib.
//
// Source: https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md
const (
	depSection = ".dep-v0"
	// maxDepSection and maxDepPlain bound the list, in bytes; a large program
	// has 1,000 crates in 100 KB.
	maxDepSection = 8 << 20
	maxDepPlain   = 64 << 20
)

func readCargo(in *input) ([]Found, error) {
	if ok, err := in.contains([]byte(depSection)); !ok || err != nil {
		return nil, err
	}
	section, size, err := findSection(in)
	if section == nil || err != nil {
		return nil, err
	}
	if size > maxDepSection {
		return nil, &bound.SizeError{What: "the list of crates", Limit: maxDepSection}
	}
	z, err := zlib.NewReader(io.LimitReader(section, maxDepSection))
	if err != nil {
		return nil, fmt.Errorf("a Rust program whose list of crates cannot be read: %w", err)
	}
	raw, err := bound.ReadAll(z, maxDepPlain, "the list of crates")
	if err := errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("a Rust program whose list of crates cannot be read: %w", err)
	}
	return crates(raw)
}

// findSection gives a nil reader when there is no such section: the mark was
// in the program's data, as in a scanner's.
func findSection(in *input) (io.Reader, int64, error) {
	var head [4]byte
	if _, err := in.at.ReadAt(head[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	switch {
	case bytes.Equal(head[:], []byte(elf.ELFMAG)):
		f, err := elf.NewFile(in.at)
		if err != nil {
			return nil, 0, fmt.Errorf("its sections cannot be read: %w", err)
		}
		if s := f.Section(depSection); s != nil {
			return s.Open(), int64(s.FileSize), nil
		}
	case head[0] == 'M' && head[1] == 'Z':
		f, err := pe.NewFile(in.at)
		if err != nil {
			return nil, 0, fmt.Errorf("its sections cannot be read: %w", err)
		}
		if s := f.Section(depSection); s != nil {
			return s.Open(), int64(s.Size), nil
		}
	}
	return nil, 0, nil
}

func crates(raw []byte) ([]Found, error) {
	var list struct {
		Packages []struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Source  string `json:"source"` // "crates.io", "git", "local", "registry"
			Kind    string `json:"kind"`   // "build": ran while building; "" is in the program
			Root    bool   `json:"root"`
		} `json:"packages"`
	}
	// PE pads sections with zeros, which may follow the compressed data only.
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("a Rust program whose list of crates is no JSON: %w", err)
	}
	var out []Found
	for _, c := range list.Packages {
		if c.Kind == "build" || c.Root && c.Source == "local" {
			continue
		}
		if err := identified(c.Name, c.Version); err != nil {
			return out, err
		}
		out = append(out, Found{Type: "cargo", Name: c.Name, Version: c.Version})
	}
	sortFound(out)
	return slices.CompactFunc(out, func(a, b Found) bool { return a.key() == b.key() }), nil
}
