package hardening_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/hardening/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// hardened is an image that meets every control.
func hardened() hardening.Subject {
	return hardening.Subject{
		Scope: "contoso.azurecr.io/shop/cart@sha256:1", User: "10001:10001", Ports: []string{"8080/tcp"}, Created: now.AddDate(0, 0, -3), At: now,
		Facts:  &hardening.Facts{Healthcheck: azward.Yes, Path: []string{"/usr/local/bin", "/bin"}, Searched: 4},
		Layers: []hardening.Layer{{Digest: "sha256:a", CreatedBy: "COPY rootfs / # buildkit"}, {Digest: "sha256:b", CreatedBy: "RUN apt-get update && apt-get install -y curl"}},
		Base:   "docker.io/library/debian:12.7", Release: "debian 12", Ended: azward.No, EndOfLife: now.AddDate(2, 0, 0),
		Attached: []string{"signature", "sbom"}, AskedAttached: true,
	}
}

// weak is an image that meets none.
func weak() hardening.Subject {
	s := hardened()
	s.User, s.Ports, s.Created, s.Base, s.Ended, s.EndOfLife, s.Attached = "0:0", []string{"22/tcp", "80/tcp"}, now.AddDate(-1, 0, 0), "debian", azward.Yes, now.AddDate(0, -1, 0), nil
	s.Facts = &hardening.Facts{Healthcheck: azward.No, Path: []string{"/opt/tools", "/bin"}, Caches: []hardening.Cache{{Manager: "apt", Layer: "sha256:b", Files: 7, Bytes: 40e6}}}
	for _, m := range []hardening.Mark{
		{Kind: hardening.Setuid, Path: "/usr/bin/su", Mode: 0o4755},
		{Kind: hardening.Directory, Path: "/usr/bin", Mode: 0o777},
		{Kind: hardening.Shell, Path: "/bin/sh"},
		{Kind: hardening.Manager, Path: "/usr/bin/apt"},
		{Kind: hardening.Sudo, Path: "/usr/bin/sudo"},
		{Kind: hardening.Server, Path: "/usr/sbin/sshd"},
		{Kind: hardening.HostKey, Path: "/etc/ssh/ssh_host_rsa_key", Mode: 0o600},
	} {
		m.Layer = "sha256:a"
		s.Facts.Marks = append(s.Facts.Marks, m)
	}
	s.Layers[0].CreatedBy, s.Layers[1].CreatedBy = "ADD https://example.org/x.tar / # buildkit", "RUN /bin/sh -c apt-get -qq update # buildkit"
	s.Secrets = []hardening.Secret{
		{Found: secret.Found{Kind: secret.GitHubToken, Redacted: "ghp_…wxyz", Length: 40, Fingerprint: "0123456789ab"}, Places: []hardening.Place{
			{In: hardening.InEnvironment, Name: "TOKEN"}, {In: hardening.InFile, Path: "/app/.env", Line: 2, Layer: "sha256:b", Deleted: true},
		}},
		{Found: secret.Found{Kind: secret.Named, Name: "DB_PASSWORD", Redacted: "…", Length: 8}, Places: []hardening.Place{{In: hardening.InHistory, Step: "ENV DB_PASSWORD=…"}}},
	}
	return s
}

func brief(r hardening.Report) []string {
	var out []string
	for _, x := range r.Results {
		out = append(out, fmt.Sprintf("%s %s: %s", x.ID, x.Met, x.Reason))
	}
	return out
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]hardening.Subject{"hardened": hardened(), "weak": weak(), "unread": {Scope: "file:x"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := hardening.Evaluate(s)
			got, err := json.MarshalIndent(r, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, x := range r.Results {
				switch {
				case name == "hardened" && x.Met != azward.Yes, name == "weak" && x.Met != azward.No, name == "unread" && x.Met != azward.Unknown:
					t.Errorf("%s is %s: %s", x.ID, x.Met, x.Reason)
				case x.Met != azward.Unknown && len(x.Evidence) == 0:
					t.Errorf("%s is %s without evidence", x.ID, x.Met)
				}
			}
		})
	}
}

// TestControls: each is answered in these cases as somebody who reads them
// would expect.
func TestControls(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, control string
		change        func(*hardening.Subject)
		want          azward.Answer
	}{
		{"user_by_name", "root-user", func(s *hardening.Subject) { s.User = "app" }, azward.Yes},
		{"user_unset", "root-user", func(s *hardening.Subject) { s.User = "" }, azward.No},
		{"user_zero_with_group", "root-user", func(s *hardening.Subject) { s.User = "00:1000" }, azward.No},
		{"layer_unread", "setuid-files", func(s *hardening.Subject) { s.Facts.Unread = 1 }, azward.Unknown},
		{"layer_unread_but_found", "setuid-files", func(s *hardening.Subject) {
			s.Facts.Unread, s.Facts.Marks = 1, []hardening.Mark{{Kind: hardening.Setgid, Path: "/x"}}
		}, azward.No},
		{"writable_elsewhere", "writable-path", func(s *hardening.Subject) {
			s.Facts.Marks = []hardening.Mark{{Kind: hardening.Directory, Path: "/tmp", Mode: 0o1777}}
		}, azward.Yes},
		{"writable_by_merged_usr", "writable-path", func(s *hardening.Subject) {
			s.Facts.Marks = []hardening.Mark{{Kind: hardening.Directory, Path: "/usr/bin", Mode: 0o777}}
		}, azward.No},
		{"no_path", "writable-path", func(s *hardening.Subject) { s.Facts.Path = nil }, azward.Yes},
		{"path_of_the_runtime", "writable-path", func(s *hardening.Subject) {
			s.Facts.Path, s.Facts.Marks = nil, []hardening.Mark{{Kind: hardening.Directory, Path: "/usr/local/bin", Mode: 0o777}}
		}, azward.No},
		{"small_cache", "package-caches", func(s *hardening.Subject) {
			s.Facts.Caches = []hardening.Cache{{Manager: "apk", Files: 1, Bytes: 1000}}
		}, azward.Yes},
		{"file_too_large_to_search", "secret-in-file", func(s *hardening.Subject) { s.Facts.Skipped = 1 }, azward.Unknown},
		{"secret_expired", "secret-in-file", func(s *hardening.Subject) {
			s.Secrets = []hardening.Secret{{Found: secret.Found{Kind: secret.JWT, Expires: now.AddDate(0, 0, -1)}, Places: []hardening.Place{{In: hardening.InFile, Path: "/t"}}}}
		}, azward.Yes},
		{"secret_in_file_only", "secret-in-configuration", func(s *hardening.Subject) {
			s.Secrets = []hardening.Secret{{Places: []hardening.Place{{In: hardening.InFile, Path: "/t"}}}}
		}, azward.Yes},
		{"add_with_checksum", "remote-add", func(s *hardening.Subject) {
			s.Layers[0].CreatedBy = "ADD --checksum=sha256:0 https://example.org/x /"
		}, azward.Yes},
		{"add_with_owner", "remote-add", func(s *hardening.Subject) {
			s.Layers[0].CreatedBy = "ADD --chown=1:1 https://example.org/x /"
		}, azward.No},
		{"no_history", "remote-add", func(s *hardening.Subject) { s.Layers[0].CreatedBy = "" }, azward.Unknown},
		{"apk_no_cache", "update-alone", func(s *hardening.Subject) { s.Layers[0].CreatedBy = "RUN apk add --no-cache curl" }, azward.Yes},
		{"dnf_update_installs", "update-alone", func(s *hardening.Subject) { s.Layers[0].CreatedBy = "RUN dnf -y update" }, azward.Yes},
		{"base_by_digest", "base-floating", func(s *hardening.Subject) { s.Base = "mcr.microsoft.com/dotnet/aspnet@sha256:1" }, azward.Yes},
		{"base_with_port", "base-floating", func(s *hardening.Subject) { s.Base = "localhost:5000/base" }, azward.No},
		{"base_unknown", "base-floating", func(s *hardening.Subject) { s.Base = "" }, azward.Unknown},
		{"release_without_date", "base-end-of-life", func(s *hardening.Subject) { s.Ended = azward.Unknown }, azward.Unknown},
		{"program_alone", "base-end-of-life", func(s *hardening.Subject) { s.Release = "" }, azward.Yes},
		{"release_not_named", "base-end-of-life", func(s *hardening.Subject) {
			s.Release, s.Facts.Marks = "", []hardening.Mark{{Kind: hardening.Shell, Path: "/bin/sh"}}
		}, azward.Unknown},
		{"same_bytes_each_time", "age", func(s *hardening.Subject) { s.Created = time.Unix(0, 0) }, azward.Unknown},
		{"nobody_asked", "signature", func(s *hardening.Subject) { s.Attached, s.AskedAttached = nil, false }, azward.Unknown},
		{"login_by_udp", "remote-login-port", func(s *hardening.Subject) { s.Ports = []string{"23/udp"} }, azward.Yes},
	} {
		s := hardened()
		tc.change(&s)
		found := false
		for _, x := range hardening.Evaluate(s).Results {
			if x.ID == tc.control {
				found = true
				if x.Met != tc.want {
					t.Errorf("%s: %s is %s, want %s: %s", tc.name, x.ID, x.Met, tc.want, x.Reason)
				}
			}
		}
		if !found {
			t.Errorf("%s: there is no control %s", tc.name, tc.control)
		}
	}
}

// TestCounts: each control is counted once, and the worst is listed first.
func TestCounts(t *testing.T) {
	t.Parallel()
	r := hardening.Evaluate(weak())
	if got := r.Counts.Pass + r.Counts.Fail + r.Counts.Unknown + r.Counts.Info; got != len(hardening.Controls()) {
		t.Errorf("%d controls are counted of %d: %v", got, len(hardening.Controls()), brief(r))
	}
	failed := r.Failed()
	for i := range failed[1:] {
		if failed[i].Severity.Rank() < failed[i+1].Severity.Rank() {
			t.Errorf("%s stands before %s", failed[i].ID, failed[i+1].ID)
		}
	}
	if open := hardening.Evaluate(hardening.Subject{}).Open(); len(open) == 0 {
		t.Error("nothing is unknown of an image that was not read")
	}
}

// TestProfile: every control tells why, how to mend it, and where it comes from.
func TestProfile(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range hardening.Controls() {
		if seen[c.ID] {
			t.Errorf("%s stands twice", c.ID)
		}
		seen[c.ID] = true
		if c.Title == "" || c.Why == "" || c.Fix == "" || len(c.References) == 0 || c.Informational == (c.Severity.Rank() > 0) {
			t.Errorf("%+v is not complete", c)
		}
	}
}

// TestDocumented: the page for users has each control with its severity.
func TestDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "docs", "hardening.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.HasPrefix(cells[1], " `") {
			rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[3])
		}
	}
	want := map[string]string{}
	for _, c := range hardening.Controls() {
		want[c.ID] = string(c.Severity)
		if c.Informational {
			want[c.ID] = "informational"
		}
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +documented):\n%s", diff)
	}
}

func TestMode(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(hardening.Mode(0o4755))
	if err != nil || string(raw) != `"4755"` {
		t.Errorf("%s %v", raw, err)
	}
	var m hardening.Mode
	if err := json.Unmarshal(raw, &m); err != nil || m != 0o4755 {
		t.Errorf("%s %v", m, err)
	}
	if err := json.Unmarshal([]byte(`"rwx"`), &m); err == nil {
		t.Error("a mode in letters was read")
	}
}
