package remediation_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/remediation"
)

// known is a real index of the case's records.
type known struct{ *advisory.Index }

// Compare implements [remediation.Advisories].
func (known) Compare(ecosystem, a, b string) (int, error) { return advisory.Compare(ecosystem, a, b) }

// vulnerable is a record: ranges as "introduced fixed", "" fixed for none.
type vulnerable struct {
	id, ecosystem, name string
	ranges              []string
	vector              string
}

const (
	critical = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
	low      = "CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"
)

func index(t *testing.T, records []vulnerable) known {
	t.Helper()
	var b bytes.Buffer
	w := advisory.NewWriter(&b, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
	for _, r := range records {
		affected := advisory.Affected{Ecosystem: r.ecosystem, Name: r.name}
		for _, text := range r.ranges {
			from, to, _ := strings.Cut(text, " ")
			events := []advisory.Event{{Kind: advisory.Introduced, Version: from}}
			if to != "" {
				events = append(events, advisory.Event{Kind: advisory.Fixed, Version: to})
			}
			affected.Ranges = append(affected.Ranges, events)
		}
		if len(r.ranges) == 0 { // malware: every version that was published
			affected.Versions = []string{"1.0.0"}
		}
		record := &advisory.Record{ID: r.id, Vectors: []string{r.vector}, Malicious: strings.HasPrefix(r.id, "MAL-"), Affected: []advisory.Affected{affected}}
		if err := w.Add(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return known{ix}
}

func npm(name, version string) azward.Package {
	return azward.Package{PURL: "pkg:npm/" + name + "@" + version, Name: name, Version: version, Ecosystem: "npm", Layer: "sha256:app", CreatedBy: "RUN /bin/sh -c npm ci # buildkit"}
}

func deb(name, source, version string) azward.Package {
	return azward.Package{
		PURL: "pkg:deb/debian/" + name + "@" + version + "?distro=debian-12", Name: name, Version: version, Ecosystem: "Debian:12",
		Source: source, Layer: "sha256:base", CreatedBy: "/bin/sh -c #(nop) ADD file:1 in / ",
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		records  []vulnerable
		packages []azward.Package
		bases    []remediation.Base
		want     []string
		left     int
	}{
		{
			name: "the_lowest_version_that_clears_all",
			records: []vulnerable{
				{"CVE-1", "npm", "lodash", []string{"0 4.17.5"}, critical},
				{"CVE-2", "npm", "lodash", []string{"0 4.17.12"}, low},
			},
			packages: []azward.Package{npm("lodash", "4.17.4")},
			want:     []string{"upgrade lodash from 4.17.4 to 4.17.12: CVE-1 CVE-2 | RUN npm ci"},
		},
		{
			name: "a_fix_that_is_vulnerable_itself_is_passed_over",
			records: []vulnerable{
				{"CVE-1", "npm", "axios", []string{"0 0.20.0"}, critical},
				{"CVE-2", "npm", "axios", []string{"0.20.0 0.21.1"}, critical}, // the fix of the first brought the second
			},
			packages: []azward.Package{npm("axios", "0.19.0")},
			want:     []string{"upgrade axios from 0.19.0 to 0.21.1: CVE-1 | RUN npm ci"},
		},
		{
			name: "the_branch_above_is_no_downgrade",
			records: []vulnerable{
				{"CVE-1", "npm", "qs", []string{"6.5.0 6.5.3", "6.9.0 6.9.7"}, critical},
			},
			packages: []azward.Package{npm("qs", "6.9.1")},
			want:     []string{"upgrade qs from 6.9.1 to 6.9.7: CVE-1 | RUN npm ci"},
		},
		{
			name: "two_versions_in_one_layer_are_one_action",
			records: []vulnerable{
				{"CVE-1", "npm", "minimist", []string{"0 0.2.1", "1.0.0 1.2.3"}, critical},
			},
			packages: []azward.Package{npm("minimist", "0.0.8"), npm("minimist", "1.2.0")},
			want:     []string{"upgrade minimist from 0.0.8, 1.2.0 to 1.2.3: CVE-1 | RUN npm ci"},
		},
		{
			name:     "nothing_without_a_fix",
			records:  []vulnerable{{"CVE-1", "npm", "left-pad", []string{"0"}, low}},
			packages: []azward.Package{npm("left-pad", "1.0.0")},
			left:     1,
		},
		{
			name: "binaries_of_one_source_move_together",
			records: []vulnerable{
				{"CVE-1", "Debian:12", "openssl", []string{"0 3.0.11-1~deb12u2"}, critical},
				{"CVE-2", "Debian:12", "zlib", []string{"0"}, low},
			},
			packages: []azward.Package{deb("openssl", "openssl", "3.0.9-1"), deb("libssl3", "openssl", "3.0.9-1"), deb("zlib1g", "zlib", "1:1.2.13-1")},
			want:     []string{"update openssl of the distribution: CVE-1 | ADD file:1 in /"},
			left:     1,
		},
		{
			name:     "malware_is_removed",
			records:  []vulnerable{{"MAL-2024-1", "npm", "evil", nil, ""}},
			packages: []azward.Package{npm("evil", "1.0.0")},
			want:     []string{"remove evil: it is a malicious package: MAL-2024-1 | RUN npm ci"},
		},
		{
			name: "another_base_clears_what_it_does_not_have",
			records: []vulnerable{
				{"CVE-1", "Debian:12", "openssl", []string{"0 3.0.11-1"}, critical},
				{"CVE-2", "Debian:12", "zlib", []string{"0"}, low},
				{"CVE-3", "npm", "lodash", []string{"0 4.17.5"}, low},
			},
			packages: []azward.Package{deb("openssl", "openssl", "3.0.9-1"), deb("zlib1g", "zlib", "1:1.2.13-1"), npm("lodash", "4.17.4")},
			bases: []remediation.Base{{
				Reference: "contoso.azurecr.io/base/debian:12.9",
				Has:       func(key string) bool { return key == remediation.Key("Debian:12", "zlib1g", "CVE-2") },
			}},
			want: []string{
				"build on contoso.azurecr.io/base/debian:12.9: CVE-1 | ",
				"update openssl of the distribution: CVE-1 | ADD file:1 in /",
				"upgrade lodash from 4.17.4 to 4.17.5: CVE-3 | RUN npm ci",
			},
			left: 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ix := index(t, tc.records)
			var findings []remediation.Finding
			for _, p := range tc.packages {
				found, err := ix.Match(p)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					findings = append(findings, remediation.Finding{Finding: f, Package: p, Base: p.Layer == "sha256:base"})
				}
			}
			actions, left, err := remediation.Plan(findings, ix, tc.bases)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range actions {
				line := ""
				if len(a.Steps) > 0 {
					line = a.Steps[0].Line
				}
				got = append(got, fmt.Sprintf("%s: %s | %s", a.Title, strings.Join(a.Clears, " "), line))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if left != tc.left {
				t.Errorf("%d findings are left, want %d", left, tc.left)
			}
		})
	}
}

func TestInstruction(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, line, want string }{
		{"buildkit_run", "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit", "RUN apt-get update && apt-get install -y curl"},
		{"buildkit_copy", "COPY . /srv # buildkit", "COPY . /srv"},
		{"classic_nop", "/bin/sh -c #(nop)  CMD [\"bash\"]", "CMD [\"bash\"]"},
		{"classic_run", "/bin/sh -c apk add --no-cache curl", "RUN apk add --no-cache curl"},
		{"build_arguments", "|1 VERSION=2 /bin/sh -c make install", "RUN make install"},
		{"other_tools_keep_their_words", "bazel build //:image", "bazel build //:image"},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := remediation.Instruction(tc.line); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
