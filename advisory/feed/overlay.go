package feed

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/bound"
)

// Bounds of the files that lie over the advisories.
const (
	// maxOverlay in bytes, unpacked: EPSS has about 300,000 lines of 30 bytes,
	// CISA's assessments as CSV twice that.
	maxOverlay = 256 << 20
	// maxDocument in bytes, of a JSON document that is read whole: the KEV
	// catalogue has 1.5 MB, endoflife.date about 6 MB.
	maxDocument = 64 << 20
	// maxLine in bytes, of a table: the longest that are published have 200.
	maxLine = 64 << 10
)

// overlay is a kind of file that says something about CVEs or releases beside
// the advisories.
type overlay byte

const (
	noOverlay overlay = iota
	kevOverlay
	epssOverlay
	ssvcOverlay
	lifeOverlay
)

// overlayOf tells by folder, as the feeds are laid out, and for files that lie
// elsewhere by the name under which they are published.
func overlayOf(name string) overlay {
	for folder := range strings.SplitSeq(path.Dir(name), "/") {
		switch {
		case folder == "kev":
			return kevOverlay
		case folder == "epss":
			return epssOverlay
		case folder == "ssvc", strings.HasPrefix(folder, "vulnrichment"):
			return ssvcOverlay
		case folder == "endoflife":
			return lifeOverlay
		}
	}
	switch base := path.Base(name); {
	case strings.HasPrefix(base, "known_exploited"):
		return kevOverlay
	case strings.HasPrefix(base, "epss"):
		return epssOverlay
	case strings.HasPrefix(base, "vulnrichment"):
		return ssvcOverlay
	}
	return noOverlay
}

// overlayFile reads a file of an overlay; known is false when it is of a kind
// that the overlay does not have.
func (b *builder) overlayFile(kind overlay, f fs.File, name string) (known bool, err error) {
	plain := strings.TrimSuffix(name, ".gz")
	var read func(io.Reader) (int, error)
	count := &b.stats.KEV
	switch extension := path.Ext(plain); {
	case kind == kevOverlay && extension == ".json":
		read = document(b.readKEV)
	case kind == epssOverlay && extension == ".csv":
		read, count = b.readEPSS, &b.stats.EPSS
	case kind == ssvcOverlay && extension == ".csv":
		read, count = b.readSSVC, &b.stats.SSVC
	case kind == ssvcOverlay && extension == ".json":
		read, count = document(b.readCVE), &b.stats.SSVC
	case kind == lifeOverlay && extension == ".json":
		product := strings.TrimSuffix(path.Base(plain), ".json")
		read = document(func(text string) (int, error) { return b.readLifecycles(product, text) })
		count = &b.stats.EndOfLife
	default:
		return false, nil
	}
	r, err := unpacked(name, f)
	if err != nil {
		return true, err
	}
	n, err := read(r)
	*count += n
	return true, err
}

// unpacked reads through gzip when the name says so, bounded.
func unpacked(name string, r io.Reader) (io.Reader, error) {
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, fmt.Errorf("unpack %s: %w", name, err)
		}
		r = z
	}
	return bound.Reader(r, maxOverlay, name), nil
}

// document reads a whole text, for which a lexer is asked.
func document(read func(text string) (int, error)) func(io.Reader) (int, error) {
	return func(r io.Reader) (int, error) {
		data, err := bound.ReadAll(r, maxDocument, "the document")
		if err != nil {
			return 0, err
		}
		return read(string(data))
	}
}

// kevEntry is one of the catalogue's.
type kevEntry struct{ cve, added, due, ransomware string }

var kevFields = []string{"cveID", "dateAdded", "dueDate", "knownRansomwareCampaignUse"}

// readKEV reads CISA's catalogue.
//
// Source: https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities_schema.json
func (b *builder) readKEV(text string) (n int, err error) {
	l := &lexer{text: text}
	var released string
	err = l.members([]string{"dateReleased", "vulnerabilities"}, func(name string) error {
		if name == "dateReleased" {
			return l.str(&released)
		}
		return l.array(func() error {
			var e kevEntry
			to := []*string{&e.cve, &e.added, &e.due, &e.ransomware}
			err := l.members(kevFields, func(name string) error {
				return l.str(to[slices.Index(kevFields, name)])
			})
			if err == nil && b.w.AddKnownExploited(e.cve, e.known()) {
				n++
			}
			return err
		})
	})
	if err == nil {
		err = l.end()
	}
	switch {
	case err != nil:
		return n, fmt.Errorf("read KEV catalogue: %w", err)
	case n == 0:
		return 0, errors.New("the KEV catalogue lists no vulnerability")
	}
	if at, err := time.Parse(time.RFC3339, released); err == nil {
		b.w.DateKEV(at)
	}
	return n, nil
}

func (e kevEntry) known() advisory.KnownExploited {
	k := advisory.KnownExploited{Added: date(e.added), Due: date(e.due)}
	if e.ransomware == "Known" { // the only other word is "Unknown"
		k.Ransomware = azward.Yes
	}
	return k
}

// date reads a day, alone or with a time; zero when it is none.
func date(text string) time.Time {
	const day = len("2006-01-02")
	if len(text) > day {
		text = text[:day]
	}
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
