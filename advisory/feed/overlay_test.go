package feed_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
)

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

// built is the index of a folder, which also has one advisory.
func built(tb testing.TB, files fstest.MapFS) (*advisory.Index, feed.Stats, error) {
	tb.Helper()
	src := fstest.MapFS{"osv/npm/all.zip": zipped(tb, "a.json", lodash)}
	for name, f := range files {
		src[name] = f
	}
	var b bytes.Buffer
	stats, err := feed.Write(tb.Context(), feed.Sources{FS: src, At: at}, &b)
	if err != nil {
		return nil, stats, err
	}
	ix, err := advisory.OpenBytes(b.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	return ix, stats, nil
}

const assessed = `{"dataType":"CVE_RECORD","cveMetadata":{"state":"PUBLISHED","cveId":"CVE-2024-21413"},"containers":{"cna":{"metrics":[{"format":"CVSS","cvssV3_1":{"vectorString":"CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}],"problemTypes":[{"descriptions":[{"lang":"en","cweId":"CWE-20","type":"CWE"}]}]},
	"adp":[{"title":"CVE Program Container"},{"metrics":[
	{"cvssV3_1":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
	{"other":{"content":{"dateAdded":"2025-02-06","reference":"https://www.cisa.gov/","options":"none"},"type":"kev"}},
	{"other":{"content":{"id":"CVE-2024-21413","role":"CISA Coordinator","options":[{"Exploitation":"active"},{"Automatable":"yes"},{"Technical Impact":"total"}],"version":"2.0.3","timestamp":"2025-02-06T14:11:01.211456Z"},"type":"ssvc"}}],
	"title":"CISA ADP Vulnrichment"}]}}`

const lifecycles = `{"schema_version":"1.2.0","generated_at":"2026-11-19T00:09:07+00:00","total":2,"result":[
	{"name":"debian","aliases":[],"releases":[
		{"name":"13","isEol":false,"eolFrom":"2028-08-09","isEoes":false,"eoesFrom":"2030-06-30","isMaintained":true,"latest":{"name":"13.2"}},
		{"name":"10","isEol":true,"eolFrom":"2022-09-10","isEoes":null,"eoesFrom":null}]},
	{"releases":[{"name":"3.11","isEol":false,"eolFrom":null}],"name":"python"}]}`

func TestOverlays(t *testing.T) {
	t.Parallel()
	ix, stats, err := built(t, fstest.MapFS{
		"kev/known_exploited_vulnerabilities.json": {Data: []byte(`{"dateReleased":"2026-08-21T17:46:43.6019Z","vulnerabilities":[
			{"cveID":"CVE-2021-44228","dateAdded":"2021-12-10","dueDate":"2021-12-24","knownRansomwareCampaignUse":"Known"},
			{"cveID":"CVE-2024-21413","dateAdded":"2025-02-06","dueDate":"2025-02-27","knownRansomwareCampaignUse":"Unknown"},
			{"cveID":"none"}]}`)},
		"epss/epss_scores-current.csv.gz": gzipped(t, "#model_version:v2025.03.14,score_date:2026-11-20T12:00:00Z\r\ncve,epss,percentile\r\nCVE-2021-44228,0.94358,0.99955\r\n"),
		"ssvc/table.csv":                  {Data: []byte("cve,ssvc_exploitation,ssvc_automatable,ssvc_technical_impact,cvss_vector,ssvc_timestamp\nCVE-1999-0006,none,,partial,AV:N,2024-08-01\nCVE-1999-0013,,,,AV:N,2024-08-01\n")},
		"ssvc/vulnrichment.zip":           zipped(t, "vulnrichment-develop/README.json", "no record", "vulnrichment-develop/2024/21xxx/CVE-2024-21413.json", assessed, "vulnrichment-develop/2024/CVE-2024-1.json", "{"),
		"endoflife/products.json":         {Data: []byte(lifecycles)},
		"endoflife/nodejs.json":           {Data: []byte(`[{"cycle":"24","eol":"2028-04-30","extendedSupport":false},{"cycle":"0.12","eol":true}]`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if stats.KEV != 2 || stats.EPSS != 1 || stats.SSVC != 2 || stats.EndOfLife != 5 || stats.Skipped["CVE record not readable"] != 1 {
		t.Errorf("%+v", stats)
	}
	kev, ok := ix.KnownExploited("CVE-2021-44228")
	if diff := cmp.Diff(advisory.KnownExploited{Added: day("2021-12-10"), Due: day("2021-12-24"), Ransomware: azward.Yes}, kev); diff != "" || !ok {
		t.Error(diff)
	}
	if kev, ok = ix.KnownExploited("CVE-2024-21413"); !ok || kev.Ransomware != azward.Unknown {
		t.Errorf("%+v", kev)
	}
	if share, ok := ix.Percentile("CVE-2021-44228"); !ok || share != 0.99955 {
		t.Errorf("percentile %v", share)
	}
	for id, want := range map[string]advisory.SSVC{
		"CVE-2024-21413": {Exploitation: advisory.ExploitationActive, Automatable: azward.Yes, TechnicalImpact: advisory.ImpactTotal, At: day("2025-02-06")},
		"CVE-1999-0006":  {Exploitation: advisory.ExploitationNone, TechnicalImpact: advisory.ImpactPartial, At: day("2024-08-01")},
	} {
		if got, ok := ix.SSVC(id); !ok || !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
	}
	if _, ok := ix.SSVC("CVE-1999-0013"); ok {
		t.Error("an assessment without a decision")
	}
	for _, tc := range []struct {
		product, version string
		want             advisory.Lifecycle
	}{
		{"debian", "13.1", advisory.Lifecycle{Ended: azward.No, EndOfLife: day("2028-08-09"), Extended: day("2030-06-30")}},
		{"debian", "10", advisory.Lifecycle{Ended: azward.Yes, EndOfLife: day("2022-09-10")}},
		{"python", "3.11.4", advisory.Lifecycle{Ended: azward.No}},
		{"nodejs", "24.1.0", advisory.Lifecycle{EndOfLife: day("2028-04-30")}},
		{"nodejs", "0.12.7", advisory.Lifecycle{Ended: azward.Yes}},
	} {
		if got, known := ix.Lifecycle(tc.product, tc.version); !known || !cmp.Equal(tc.want, got) {
			t.Errorf("%s %s: %s", tc.product, tc.version, cmp.Diff(tc.want, got))
		}
	}
	s := ix.Status()
	if s.EPSSModel != "v2025.03.14" || !s.EPSS.Date.Equal(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)) || !s.EndOfLife.Date.Equal(day("2026-11-19")) ||
		s.SSVC.Date.Format(time.DateOnly) != "2025-02-06" || s.KEV.Date.Format(time.DateOnly) != "2026-08-21" || len(s.Sources) != 7 {
		t.Errorf("%+v", s)
	}
}

// A notice without a score is rated by the CVE's own record; one with a score
// is not.
func TestOverlays_scoreOfCVE(t *testing.T) {
	t.Parallel()
	const own, other = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N"
	notice := func(id, cve, severity string) string {
		return fmt.Sprintf(`{"id":%q,"upstream":[%q],%s"affected":[{"package":{"ecosystem":"Azure Linux:3","name":%[1]q},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"}]}]}]}`, id, cve, severity)
	}
	ix, _, err := built(t, fstest.MapFS{
		"osv/Azure Linux/all.zip": zipped(t,
			"a.json", notice("silent", "CVE-2024-21413", ""), "b.json", notice("tabled", "CVE-1999-0006", ""), "d.json", notice("unknown", "CVE-2001-1", ""),
			"c.json", strings.ReplaceAll(notice("scored", "CVE-1999-0013", `"severity":[{"type":"CVSS_V3","score":"`+other+`"}],`), "upstream", "aliases")),
		"ssvc/CVE-2024-21413.json": {Data: []byte(assessed)},
		"ssvc/table.csv":           {Data: []byte("cve,ssvc_exploitation,cvss_vector,cwe\nCVE-1999-0006,none," + own + ",CWE-125 CWE-122\nCVE-1999-0013,none," + own + ",CWE-79\nCVE-2001-1,none,AV:X,NVD-CWE-noinfo\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	rated := func(source, vector string, points float64, s azward.Severity, cwe string) azward.Finding {
		return azward.Finding{CVSS: points, Vector: vector, Severity: s, CWE: cwe, Scores: []azward.Score{{Source: source, Vector: vector, Score: points}}}
	}
	for name, want := range map[string]azward.Finding{
		"silent":  rated(azward.ScoreOfCVE, own, 9.8, azward.SeverityCritical, "CWE-20"),
		"tabled":  rated(azward.ScoreOfCVE, own, 9.8, azward.SeverityCritical, "CWE-125"),
		"scored":  rated("scored", other, 3.7, azward.SeverityLow, "CWE-79"),
		"unknown": {Severity: azward.SeverityUnknown},
	} {
		found, err := ix.Match(azward.Package{Ecosystem: "Azure Linux:3.0", Name: name, Version: "1-1.azl3"})
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %+v, %v", name, found, err)
		}
		f := found[0]
		if diff := cmp.Diff(want, azward.Finding{CVSS: f.CVSS, Vector: f.Vector, Severity: f.Severity, CWE: f.CWE, Scores: f.Scores}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What is no feed of its kind is refused: an error page in the place of a
// catalogue would read as "nothing is exploited".
func TestOverlays_refused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<17)
	for name, tc := range map[string]struct{ file, text string }{
		"kev_html":               {"kev/k.json", "<html>"},
		"kev_without_entries":    {"kev/k.json", `{"vulnerabilities":[]}`},
		"kev_cut":                {"kev/k.json", `{"vulnerabilities":[{"cveID":"CVE-2021-44228"}`},
		"kev_two_lists":          {"kev/k.json", `{"vulnerabilities":[{"cveID":"CVE-2021-44228"}],"vulnerabilities":[]}`},
		"epss_without_header":    {"epss/e.csv", "CVE-2021-44228,0.9,0.9\n"},
		"epss_no_number":         {"epss/e.csv", "cve,epss,percentile\nCVE-2021-44228,high,0.9\n"},
		"epss_share_over_one":    {"epss/e.csv", "cve,epss,percentile\nCVE-2021-44228,0.9,1.1\n"},
		"epss_endless_line":      {"epss/e.csv", "cve,epss,percentile\n" + long},
		"epss_empty":             {"epss/e.csv", "cve,epss,percentile\n"},
		"ssvc_other_table":       {"ssvc/s.csv", "id,score\n1,2\n"},
		"ssvc_nothing_decided":   {"ssvc/s.csv", "cve,ssvc_exploitation\nCVE-2021-44228,\n"},
		"ssvc_zip_of_others":     {"ssvc/s.zip", string(zipped(t, "CVE-2021-1.json", lodash).Data)},
		"ssvc_no_record":         {"ssvc/CVE-2021-1.json", `{"id":"x"}`},
		"endoflife_error_page":   {"endoflife/products.json", "<html>"},
		"endoflife_no_release":   {"endoflife/products.json", `{"result":[{"name":"debian","releases":[]}]}`},
		"endoflife_of_two_lists": {"endoflife/products.json", `{"result":[{"name":"debian","releases":[{"name":"1","name":"2"}]}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := built(t, fstest.MapFS{tc.file: {Data: []byte(tc.text)}})
			if azward.KindOf(err) != azward.KindBadInput || !strings.Contains(err.Error(), tc.file) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A record that changed since the export replaces the export's, also when the
// newer is withdrawn; one that the export lost is left out there.
func TestChangedRecords(t *testing.T) {
	t.Parallel()
	record := func(id, version, more string) string {
		return fmt.Sprintf(`{"id":%q,%s"affected":[{"package":{"ecosystem":"npm","name":%q},"versions":[%q]}]}`, id, more, strings.ToLower(id), version)
	}
	ix, stats, err := built(t, fstest.MapFS{
		"osv/npm/all.zip":             zipped(t, "A.json", record("A", "1", ""), "B.json", record("B", "1", ""), "C.json", record("C", "1", ""), "D.json", record("D", "1", "")),
		"osv/Go/all.zip":              zipped(t, "D.json", record("D", "2", "")), // not removed there
		"osv/npm/changed/A.json":      {Data: []byte(record("A", "2", ""))},
		"osv/npm/changed/B.json":      {Data: []byte(record("B", "1", `"withdrawn":"2026-01-01T00:00:00Z",`))},
		"osv/npm/changed/E.json":      {Data: []byte(record("E", "1", ""))},
		"osv/npm/changed/removed.txt": {Data: []byte("D\nZ\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if stats.Removed != 1 || stats.Duplicates != 2 || stats.Withdrawn != 1 || stats.Records != 4 {
		t.Errorf("%+v", stats)
	}
	var got []string
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		for _, version := range []string{"1", "2"} {
			found, err := ix.Match(azward.Package{Ecosystem: "npm", Name: name, Version: version})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				got = append(got, f.ID+"@"+version)
			}
		}
	}
	if diff := cmp.Diff([]string{"A@2", "C@1", "D@2", "E@1"}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzOverlays: a file is refused, or what the index then says of it is within
// bounds and no more than the file has lines or members.
func FuzzOverlays(f *testing.F) {
	names := []string{"kev/k.json", "epss/e.csv", "ssvc/s.csv", "ssvc/CVE-2024-21413.json", "endoflife/debian.json"}
	for i, seed := range []string{
		`{"vulnerabilities":[{"cveID":"CVE-2024-21413","dateAdded":"2025-02-06","dueDate":"","knownRansomwareCampaignUse":"Known"}]}`,
		"#score_date:2026-11-20\ncve,epss,percentile\nCVE-2024-21413,0.1,1\n", "cve,ssvc_automatable\nCVE-2024-21413,yes\n", assessed, lifecycles,
	} {
		f.Add(i, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		name := names[uint(kind)%uint(len(names))]
		ix, stats, err := built(t, fstest.MapFS{name: {Data: data}})
		if err != nil {
			return
		}
		s := ix.Status()
		if n := stats.KEV + stats.EPSS + stats.SSVC + stats.EndOfLife; n > bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("{"))+1 {
			t.Errorf("%d entries of %d bytes", n, len(data))
		}
		if p, ok := ix.EPSS("CVE-2024-21413"); ok && (math.IsNaN(p) || p < 0 || p > 1) {
			t.Errorf("probability %v", p)
		}
		if p, ok := ix.Percentile("CVE-2024-21413"); ok && (p < 0 || p > 1) {
			t.Errorf("share %v", p)
		}
		if a, ok := ix.SSVC("CVE-2024-21413"); ok && a.Exploitation == "" && a.Automatable == azward.Unknown && a.TechnicalImpact == "" {
			t.Error("an assessment that decides nothing")
		}
		if _, ok := ix.KnownExploited("CVE-2024-21413"); ok && s.KEV.Entries == 0 {
			t.Error("exploited without a catalogue")
		}
	})
}
