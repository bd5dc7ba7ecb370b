package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// Found is a vulnerability in a package of an image.
type Found struct {
	azward.Finding
	Package azward.Package
	// Image is its reference: "contoso.azurecr.io/shop/cart:1.4".
	Image    string
	Digest   azward.Digest // of its manifest, "" where it is not known
	Platform string
	// Base says that a layer of the base image brought the package.
	Base bool
	// NotAffected is the justification of a VEX statement that denies it; ""
	// where there is none.
	NotAffected string
}

// repository is the image without its tag or digest: what stays the same when
// the image is built again.
func (f Found) repository() string { return repositoryOf(f.Image) }

func repositoryOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name
}

// place is where in the image the package is, "" where that is not known.
func (f Found) place() string {
	if len(f.Package.Locations) == 0 {
		return ""
	}
	return f.Package.Locations[0]
}

// foundColumns is the header of [FoundCSV]. New columns come at the end.
var foundColumns = []string{
	"image", "digest", "platform", "vulnerability", "severity", "cvss", "known_exploited", "epss", "affected",
	"package", "version", "ecosystem", "purl", "fixed_in", "fix_state", "layer", "from_base", "location", "record", "range", "aliases", "summary",
	"kind", "cwe", "not_affected",
}

// FoundCSV writes one row a finding and one row a weakness, by RFC 4180, with a
// header. The column kind tells them apart: vulnerability, misconfiguration
// and secret, of which the last two have their rule as vulnerability. A text that a
// spreadsheet would take for a formula has an apostrophe before it. What is not
// known is empty.
func FoundCSV(w io.Writer, found iter.Seq[Found], weak iter.Seq[Weakness]) error {
	t := newCSV(w, foundColumns)
	for f := range found {
		t.row(
			f.Image, string(f.Digest), f.Platform, f.ID, string(f.Severity), number(f.CVSS), strconv.FormatBool(f.KEV), number(f.EPSS), f.Affected.String(),
			f.Package.Name, f.Package.Version, f.Package.Ecosystem, f.PURL, strings.Join(f.FixedIn, " "), string(f.FixState), string(f.Package.Layer),
			strconv.FormatBool(f.Base), f.place(), f.Record, f.Range, strings.Join(f.Aliases, " "), f.Summary,
			kindVulnerability, f.CWE, f.NotAffected,
		)
	}
	for x := range weak {
		t.row(x.csv()...)
	}
	return t.end()
}

// packageColumns is the header of [PackagesCSV]. New columns come at the end.
var packageColumns = []string{
	"image", "digest", "package", "version", "ecosystem", "purl", "source", "source_version", "owned_by", "layer", "location",
}

// PackagesCSV writes one row a package, as [FoundCSV] does.
func PackagesCSV(w io.Writer, image string, digest azward.Digest, packages []azward.Package) error {
	t := newCSV(w, packageColumns)
	for _, p := range packages {
		t.row(image, string(digest), p.Name, p.Version, p.Ecosystem, p.PURL, p.Source, p.SourceVersion, p.OwnedBy, string(p.Layer), strings.Join(p.Locations, " "))
	}
	return t.end()
}

// number is empty for what is not known.
func number(f float64) string {
	if f == 0 {
		return ""
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

type csvTable struct {
	w   *csv.Writer
	err error
}

func newCSV(w io.Writer, header []string) *csvTable {
	t := &csvTable{w: csv.NewWriter(w)}
	t.w.UseCRLF = true
	t.row(header...)
	return t
}

func (t *csvTable) row(cells ...string) {
	if t.err != nil {
		return
	}
	row := make([]string, len(cells)) // the header is everybody's
	for i, c := range cells {
		row[i] = harmless(clean(c))
	}
	t.err = t.w.Write(row)
}

func (t *csvTable) end() error {
	t.w.Flush()
	if t.err == nil {
		t.err = t.w.Error()
	}
	if t.err != nil {
		return fmt.Errorf("write CSV: %w", t.err)
	}
	return nil
}

// harmless keeps a spreadsheet from calculating what somebody named a package.
//
// Source: https://owasp.org/www-community/attacks/CSV_Injection
func harmless(cell string) string {
	for _, start := range []string{"=", "+", "-", "@", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, start) {
			return "'" + cell
		}
	}
	return cell
}
