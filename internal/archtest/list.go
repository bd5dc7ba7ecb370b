package archtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
)

// listed is the part of `go list -json` that we read.
type listed struct {
	ImportPath   string
	Standard     bool
	Dir          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// list runs `go list -e -deps -json` in dir on the patterns, for the operating
// system goos. With -e a package that doesn't compile at the moment still shows
// its imports.
func list(ctx context.Context, dir, goos string, patterns ...string) ([]listed, error) {
	args := append([]string{
		"list", "-e", "-deps", "-tags=e2e",
		"-json=ImportPath,Standard,Dir,GoFiles,Imports,TestImports,XTestImports",
	}, patterns...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the patterns are constants in our tests
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// graph turns what go listed into what [Check] reads.
func graph(packages []listed) []Package {
	nodes := make([]Package, 0, len(packages))
	for _, p := range packages {
		nodes = append(nodes, Package{
			Path: p.ImportPath, Standard: p.Standard, Imports: p.Imports,
			TestImports: append(append([]string(nil), p.TestImports...), p.XTestImports...),
		})
	}
	return nodes
}

// modules runs `go mod edit -json` in dir and returns the paths that go.mod
// requires.
func modules(ctx context.Context, dir string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json")
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod edit: %w", err)
	}
	var mod struct {
		Require []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, fmt.Errorf("go mod edit: %w", err)
	}
	var paths []string
	for _, r := range mod.Require {
		paths = append(paths, r.Path)
	}
	return paths, nil
}

// direct returns the required modules that packages of module import
// themselves, in tests too, sorted. The module of a package is the longest
// required path that holds it.
func direct(module string, graph []Package, required []string) []string {
	found := map[string]bool{}
	for _, p := range graph {
		if !within(p.Path, module) {
			continue
		}
		for _, to := range append(slices.Clone(p.Imports), p.TestImports...) {
			best := ""
			for _, path := range required {
				if within(to, path) && len(path) > len(best) {
					best = path
				}
			}
			if best != "" {
				found[best] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
