package feed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// table reads a CSV file without quotes: its comments, the names of its
// columns, then its rows, of which row gets the wanted columns in their order,
// "" where the file lacks one. The strings it gets are its own.
type table struct {
	columns []string
	comment func(line string)
	row     func(fields []string) error
}

// read gives an error with the line's number. A file without the first of the
// columns is none of this kind.
func (t table) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	var places []int
	fields := make([]string, len(t.columns))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		switch {
		case number == 1 && strings.HasPrefix(line, "\ufeff"):
			return errors.New("it begins with a byte order mark, which no publisher writes")
		case strings.HasPrefix(line, "#"):
			if t.comment != nil {
				t.comment(line[1:])
			}
			continue
		case line == "":
			continue
		case places == nil:
			header := strings.Split(line, ",")
			for _, column := range t.columns {
				places = append(places, slices.Index(header, column))
			}
			if places[0] < 0 {
				return fmt.Errorf("line %d: there is no column %q", number, t.columns[0])
			}
			continue
		}
		cut(line, places, fields)
		if err := t.row(fields); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return lines.Err()
}

// cut puts the fields at the places into out; "" where there are none.
func cut(line string, places []int, out []string) {
	clear(out)
	for at := 0; ; at++ {
		field, rest, more := strings.Cut(line, ",")
		if i := slices.Index(places, at); i >= 0 {
			out[i] = field
		}
		if !more {
			return
		}
		line = rest
	}
}

// readEPSS reads FIRST's daily file: a comment with model and date, then
// cve,epss,percentile.
//
// Source: https://www.first.org/epss/data_stats
func (b *builder) readEPSS(r io.Reader) (n int, err error) {
	err = table{
		columns: []string{"cve", "epss", "percentile"},
		comment: b.epssComment,
		row: func(fields []string) error {
			score, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				return err
			}
			if !b.w.AddEPSS(fields[0], score) {
				b.stats.skip("EPSS row not readable", fmt.Sprintf("%.40q", fields[0]), fmt.Errorf("%v is no score of a CVE", score))
				return nil
			}
			n++
			if fields[2] == "" {
				return nil
			}
			share, err := strconv.ParseFloat(fields[2], 64)
			if err == nil && !b.w.AddPercentile(fields[0], share) {
				err = fmt.Errorf("%v is no percentile", share)
			}
			return err
		},
	}.read(r)
	switch {
	case err != nil:
		return n, fmt.Errorf("read EPSS scores: %w", err)
	case n == 0:
		return 0, errors.New("the EPSS file has no score")
	}
	return n, nil
}

// epssComment reads "model_version:v2025.03.14,score_date:2026-08-22T00:00:00+0000".
func (b *builder) epssComment(line string) {
	for field := range strings.SplitSeq(line, ",") {
		switch name, value, _ := strings.Cut(field, ":"); name {
		case "model_version":
			b.w.ModelEPSS(value)
		case "score_date":
			for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700", time.DateOnly} {
				if at, err := time.Parse(layout, value); err == nil {
					b.w.DateEPSS(at)
					break
				}
			}
		}
	}
}
