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
	// maxPEHead holds a Windows program's headers, whose table of sections
	// starts within the first kilobyte.
	maxPEHead = 4 << 10
)

func readCargo(in *input) ([]Found, error) {
	section, size, err := findSection(in)
	if err != nil {
		// Most programs that cannot be read have no list: the mark tells.
		if ok, markErr := in.contains([]byte(depSection)); !ok || markErr != nil {
			return nil, markErr
		}
		return nil, fmt.Errorf("a Rust program whose sections cannot be read: %w", err)
	}
	if section == nil {
		return nil, nil
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

// findSection gives a nil reader when there is no such section. It reads the
// tables of sections and not the program: every program of an image comes here.
func findSection(in *input) (io.Reader, int64, error) {
	head := make([]byte, min(maxPEHead, in.size))
	if _, err := in.at.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	switch {
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		f, err := elf.NewFile(in.at)
		if err != nil {
			return nil, 0, err
		}
		if s := f.Section(depSection); s != nil {
			return s.Open(), int64(s.FileSize), nil
		}
	case bytes.HasPrefix(head, []byte("MZ")) && bytes.Contains(head, []byte(depSection)):
		f, err := pe.NewFile(in.at)
		if err != nil {
			return nil, 0, err
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
