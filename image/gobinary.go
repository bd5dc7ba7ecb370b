package image

import (
	"cmp"
	"debug/buildinfo"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// buildInfoMark stands before Go's build information. Most programs are not
// Go's, and this tells faster than reading their tables.
//
// Source: https://pkg.go.dev/debug/buildinfo
var buildInfoMark = []byte("\xff Go buildinf:")

// readGo reads the modules that a Go program was built from.
func readGo(in *input) ([]Found, error) {
	if ok, err := in.contains(buildInfoMark); !ok || err != nil {
		return nil, err
	}
	info, err := buildinfo.Read(in.at)
	if err != nil {
		return nil, fmt.Errorf("a Go program whose build information cannot be read: %w", err)
	}
	return goModules(info), nil
}

func goModules(info *debug.BuildInfo) []Found {
	list := []Found{{Type: "golang", Name: "stdlib", Version: goVersion(info.GoVersion)}}
	if info.Main.Path != "" {
		list = append(list, goModule(info.Main))
	}
	for _, dep := range info.Deps {
		if dep != nil {
			list = append(list, goModule(*dep))
		}
	}
	list = slices.DeleteFunc(list, func(f Found) bool { return plausible(f.Name, f.Version) != nil })
	sortFound(list)
	return list
}

// goModule takes what was built in, which a replacement may differ from. One
// replaced by a directory has no version that could be compared.
func goModule(m debug.Module) Found {
	f := Found{Type: "golang", Name: m.Path, Version: m.Version}
	if r := m.Replace; r != nil {
		f.Version = r.Version
		if r.Version != "" {
			f.Name = r.Path
		}
	}
	f.Version = cmp.Or(f.Version, "(devel)")
	return f
}

// goVersion makes "1.21.3" of "go1.21.3 X:boringcrypto".
func goVersion(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if v, ok := strings.CutPrefix(first, "go"); ok {
		return v
	}
	return s // "devel +abc": it has no place in the order, and that shall show
}

func sortFound(list []Found) {
	slices.SortFunc(list, func(a, b Found) int { return cmp.Compare(a.key()+a.Inside, b.key()+b.Inside) })
}
