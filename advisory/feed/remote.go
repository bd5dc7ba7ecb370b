package feed

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Ecosystems are those that are downloaded when none are named: all of which
// azward reads packages. Each has its folder in OSV's bucket.
//
// Source: https://osv-vulnerabilities.storage.googleapis.com/ecosystems.txt
func Ecosystems() []string {
	return []string{
		"AlmaLinux", "Alpine", "Azure Linux", "Bitnami", "Debian", "Go", "Maven", "NuGet", "Packagist", "PyPI",
		"Red Hat", "Rocky Linux", "RubyGems", "Ubuntu", "crates.io", "npm",
	}
}

// Overlays are what is downloaded beside the advisories, by folder.
func Overlays() []string { return []string{"endoflife", "epss", "kev", "ssvc"} }

// remote is one file: where it is published, and where it lies in the folder.
type remote struct {
	name string // "kev/known_exploited_vulnerabilities.json"
	url  string
	max  int64 // bytes
}

// Bounds of files, in bytes.
const (
	maxExport = 4 << 30   // the largest export, npm's, has 0.3 GB
	maxList   = 256 << 20 // npm's list of IDs has about 15 MB
)

// publishers are where each overlay comes from, and the name that it has here.
var publishers = map[string]remote{
	// https://www.cisa.gov/known-exploited-vulnerabilities-catalog
	"kev": {"kev/known_exploited_vulnerabilities.json", "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json", maxDocument},
	// https://www.first.org/epss/data_stats
	"epss": {"epss/epss_scores-current.csv.gz", "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz", maxOverlay},
	// https://endoflife.date/docs/api/v1/
	"endoflife": {"endoflife/products.json", "https://endoflife.date/api/v1/products/full", maxDocument},
	// https://github.com/cisagov/vulnrichment
	"ssvc": {"ssvc/vulnrichment.zip", "https://codeload.github.com/cisagov/vulnrichment/zip/refs/heads/develop", maxExport},
}

// osvBucket has ECOSYSTEM/all.zip, ECOSYSTEM/modified_id.csv and ECOSYSTEM/ID.json.
//
// Source: https://google.github.io/osv.dev/data/#data-dumps
const osvBucket = "https://osv-vulnerabilities.storage.googleapis.com"

// The files of an ecosystem.
const (
	exportFile = "all.zip"
	listFile   = "modified_id.csv"
)

// origin says where files come from: the publishers, or a mirror that has all
// of them under the names of the folder.
type origin struct{ mirror *url.URL }

func newOrigin(mirror string) (origin, error) {
	if mirror == "" {
		return origin{}, nil
	}
	u, err := url.Parse(mirror)
	bad := func(cause string) (origin, error) {
		return origin{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read the mirror's address", Cause: cause,
			Remedy: "give one such as https://mirror.contoso.com/advisories, which has osv/, kev/, epss/, ssvc/ and endoflife/",
		}
	}
	switch {
	case err != nil:
		return bad("it is no URL") // the parser's error would quote it, with what may be a password
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return bad("it has a user, a password, a query or a fragment; credentials do not belong in an address")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return bad("it does not begin with https:// or http:// and a host")
	}
	return origin{mirror: u}, nil
}

func (o origin) overlay(folder string) (remote, error) {
	r, ok := publishers[folder]
	if !ok {
		return r, unknownPart("overlay", folder, Overlays())
	}
	if o.mirror != nil {
		r.url = o.mirror.JoinPath(strings.Split(r.name, "/")...).String()
	}
	return r, nil
}

// osv is a file of an ecosystem: its export, its list or one record.
func (o origin) osv(ecosystem, file string, limit int64) remote {
	r := remote{name: path.Join("osv", ecosystem, file), max: limit}
	if o.mirror != nil {
		r.url = o.mirror.JoinPath("osv", url.PathEscape(ecosystem), url.PathEscape(file)).String()
		return r
	}
	r.url = osvBucket + "/" + url.PathEscape(ecosystem) + "/" + url.PathEscape(file)
	return r
}

// checkEcosystem refuses what is no name of a folder.
func checkEcosystem(name string) error {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ' ' || c == '.' || c == '-' || c == '_'
	}
	if name == "" || len(name) > 60 || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return unknownPart("ecosystem", name, Ecosystems())
	}
	return nil
}

func unknownPart(what, name string, known []string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "update advisories", Subject: name, Cause: "there is no such " + what,
		Remedy: "use " + strings.Join(slices.Sorted(slices.Values(known)), ", "),
	}
}
