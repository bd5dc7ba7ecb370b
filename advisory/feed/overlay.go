package feed

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/bound"
)

// maxOverlay bounds a KEV or EPSS file, unpacked, in bytes: the EPSS file has
// about 300,000 lines of 30 bytes, the KEV catalogue about 1.5 MB.
const maxOverlay = 256 << 20

// kevCatalogue is CISA's file.
//
// Source: https://www.cisa.gov/known-exploited-vulnerabilities-catalog
type kevCatalogue struct {
	Title           string    `json:"title"`
	CatalogVersion  string    `json:"catalogVersion"`
	DateReleased    time.Time `json:"dateReleased"`
	Vulnerabilities []struct {
		CVE string `json:"cveID"`
	} `json:"vulnerabilities"`
}

func readKEV(w *advisory.Writer, r io.Reader) (int, error) {
	var c kevCatalogue
	if err := json.NewDecoder(r).Decode(&c); err != nil {
		return 0, fmt.Errorf("read KEV catalogue: %w", err)
	}
	if len(c.Vulnerabilities) == 0 {
		return 0, errors.New("the KEV catalogue lists no vulnerability")
	}
	n := 0
	for _, v := range c.Vulnerabilities {
		if w.AddKEV(v.CVE) {
			n++
		}
	}
	if !c.DateReleased.IsZero() {
		w.DateKEV(c.DateReleased)
	}
	return n, nil
}

// readEPSS reads FIRST's daily file: an optional comment with model and date,
// then cve,epss,percentile.
//
// Source: https://www.first.org/epss/data_stats
func readEPSS(w *advisory.Writer, r io.Reader) (int, error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	n := 0
	for {
		row, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, fmt.Errorf("read EPSS scores: %w", err)
		}
		if strings.HasPrefix(row[0], "#") {
			epssDate(w, row)
			continue
		}
		if len(row) < 2 || row[0] == "cve" {
			continue
		}
		p, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			return n, fmt.Errorf("read EPSS scores: line %d: %w", n+1, err)
		}
		if w.AddEPSS(row[0], p) {
			n++
		}
	}
	if n == 0 {
		return 0, errors.New("the EPSS file has no score")
	}
	return n, nil
}

func epssDate(w *advisory.Writer, row []string) {
	for _, field := range row {
		if text, ok := strings.CutPrefix(field, "score_date:"); ok {
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700", time.DateOnly} {
				if at, err := time.Parse(layout, text); err == nil {
					w.DateEPSS(at)
					return
				}
			}
		}
	}
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
