package image

import (
	"bytes"
	"errors"
	"io"
	"path"
	"regexp"
	"strings"
)

// isBinary knows programs by their first four bytes: ELF, PE, Mach-O.
func isBinary(head []byte) bool {
	switch string(head) {
	case "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe":
		return true
	}
	return head[0] == 'M' && head[1] == 'Z'
}

// readProgram reads what a program says that it was built from: Go's modules,
// Rust's crates, or which version of a language's runtime it is.
func readProgram(in *input) (*File, error) {
	f := &File{}
	var errs []error
	for _, read := range []func(*input) ([]Found, error){readGo, readCargo, readRuntime} {
		list, err := read(in)
		f.Packages = append(f.Packages, list...)
		errs = append(errs, err)
	}
	if len(f.Packages) == 0 {
		f = nil
	}
	return f, errors.Join(errs...)
}

// product is a language's runtime or a server that is often unpacked or built
// in an image, and tells its version in its program.
type product struct {
	name  string         // as Bitnami's advisories have it
	file  *regexp.Regexp // base name
	marks []string       // text before the version, the surest first; %s is the file's first group
	after *regexp.Regexp // the version
	whole bool           // the mark's own part belongs to the version
}

var release = regexp.MustCompile(`^\d+\.\d+\.\d+`)

// products are known by these texts of their programs: Node's address of its
// headers, PHP's and nginx's answer headers, and the text that --version prints
// for the others. Python's stands alone, or is what a longer text ends in: a
// linker keeps one copy of both, such as the directory it was built for.
var products = []product{
	{name: "node", file: regexp.MustCompile(`^node$`), marks: []string{"nodejs.org/download/release/v"}, after: release},
	{name: "python", file: regexp.MustCompile(`^(?:lib)?python(3\.\d+)[dmt]*(?:\.so\.1\.0)?$`), marks: []string{"\x00%s.", "/%s.", "-%s."}, after: regexp.MustCompile(`^\d+(?:(?:a|b|rc)\d+)?\+?\x00`), whole: true},
	{name: "php", file: regexp.MustCompile(`^(?:php(?:-fpm|-cgi)?(?:\d\.\d+)?|libphp\d?\.so)$`), marks: []string{"X-Powered-By: PHP/"}, after: release},
	{name: "nginx", file: regexp.MustCompile(`^nginx$`), marks: []string{"nginx version: nginx/"}, after: release},
	{name: "ruby", file: regexp.MustCompile(`^(?:ruby(?:\d\.\d+)?|libruby(?:-\d\.\d+)?\.so\.[\d.]+)$`), marks: []string{"ruby "}, after: release},
	{name: "apache", file: regexp.MustCompile(`^(?:httpd|apache2)$`), marks: []string{"Apache/"}, after: release},
	{name: "postgresql", file: regexp.MustCompile(`^postgres$`), marks: []string{"(PostgreSQL) "}, after: regexp.MustCompile(`^\d+\.\d+`)},
}

// maxVersion bounds a version in a program, in bytes.
const maxVersion = 32

func productOf(base string) *product {
	if base == "" || !strings.Contains("nplrha", base[:1]) {
		return nil
	}
	for i := range products {
		if products[i].file.MatchString(base) {
			return &products[i]
		}
	}
	return nil
}

func readRuntime(in *input) ([]Found, error) {
	base := path.Base(in.path)
	r := productOf(base)
	if r == nil {
		return nil, nil
	}
	prefix, minor := "", ""
	if r.whole {
		minor = r.file.FindStringSubmatch(base)[1]
		prefix = minor + "."
	}
	for _, mark := range r.marks {
		version := ""
		err := in.each([]byte(strings.Replace(mark, "%s", minor, 1)), maxVersion, func(after []byte) bool {
			version = string(bytes.TrimRight(r.after.Find(after), "+\x00"))
			return version == ""
		})
		if err != nil {
			return nil, err
		}
		if version != "" {
			return []Found{{Type: "generic", Name: r.name, Version: prefix + version}}, nil
		}
	}
	return nil, nil
}

// each gives up to n bytes after every place of the mark in the file, until
// more says false.
func (in *input) each(mark []byte, n int, more func(after []byte) bool) error {
	if in.bytes != nil {
		eachIn(in.bytes, mark, n, more)
		return nil
	}
	const block = 256 << 10
	keep := len(mark) + n // a place may lie across two blocks
	buf := make([]byte, 0, block+keep)
	for r := in.reader(); ; {
		got, err := io.ReadFull(r, buf[len(buf):len(buf)+block])
		buf = buf[:len(buf)+got]
		if !eachIn(buf, mark, n, more) || got < block {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return err
		}
		buf = buf[:copy(buf[:keep], buf[len(buf)-keep:])]
	}
}

func eachIn(b, mark []byte, n int, more func([]byte) bool) bool {
	for {
		i := bytes.Index(b, mark)
		if i < 0 {
			return true
		}
		b = b[i+len(mark):]
		if !more(b[:min(n, len(b))]) {
			return false
		}
	}
}

// identified refuses a package without a name or version that can be told.
func identified(name, version string) error {
	if version == "" {
		return errors.New("it names no version")
	}
	return plausible(name, version)
}

// memory is a file that was unpacked from another.
func memory(path string, b []byte) *input {
	return &input{path: path, size: int64(len(b)), at: bytes.NewReader(b), bytes: b}
}
