package advisory_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

func TestAbout(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := advisory.NewWriter(&file, time.Unix(1, 0))
	if err := w.Add(&advisory.Record{
		ID: "DSA-2896-1", Upstream: []string{"CVE-2014-0160"},
		Affected: []advisory.Affected{{Ecosystem: "Debian:7", Name: "openssl", Ranges: [][]advisory.Event{
			{{Kind: advisory.Introduced, Version: "0"}, {Kind: advisory.Fixed, Version: "1.0.1e-2+deb7u5"}},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		pkg          azward.Package
		asked, finds string
	}{
		"fixed_version":     {azward.Package{Ecosystem: "Debian:7", Name: "openssl", Version: "1.0.1e-2+deb7u5"}, "cve-2014-0160", "DSA-2896-1"},
		"by_source":         {azward.Package{Ecosystem: "Debian:7", Name: "libssl1.0.0", Source: "openssl", Version: "1.0.1e-2+deb7u9"}, "DSA-2896-1", "DSA-2896-1"},
		"other_release":     {azward.Package{Ecosystem: "Debian:8", Name: "openssl", Version: "1"}, "CVE-2014-0160", ""},
		"other_cve":         {azward.Package{Ecosystem: "Debian:7", Name: "openssl", Version: "1"}, "CVE-2014-0161", ""},
		"no_ecosystem":      {azward.Package{Name: "openssl", Version: "1"}, "CVE-2014-0160", ""},
		"owned_by_another":  {azward.Package{Ecosystem: "Debian:7", Name: "openssl", Version: "1", OwnedBy: "x"}, "CVE-2014-0160", ""},
		"release_not_known": {azward.Package{Ecosystem: "Debian", Name: "openssl", Version: "1"}, "CVE-2014-0160", ""},
	} {
		got, err := ix.About(tc.pkg, tc.asked)
		if err != nil || got != tc.finds {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.finds)
		}
	}
	f := azward.Finding{ID: "CVE-2014-0160", Severity: azward.SeverityHigh}
	ix.Weigh(&f)
	if f.Severity != azward.SeverityHigh || f.KEV {
		t.Errorf("an index that knows nothing of it weighs %+v", f)
	}
}
