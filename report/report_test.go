package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

var update = flag.Bool("update", false, "write the golden files")

// verdicts are one of each answer.
func verdicts() []azward.Verdict {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	const cluster = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod"
	workload := func(name string) azward.Workload {
		return azward.Workload{ID: azward.ResourceID(cluster).Kubernetes("apps", "v1", "shop", "deployments", name), Kind: azward.Deployment, Name: "shop/" + name}
	}
	finding := azward.Finding{
		ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q"}, PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Summary: "Log4Shell",
		Severity: azward.SeverityCritical, CVSS: 10, KEV: true, EPSS: 0.99999, FixedIn: []string{"2.15.0"}, Record: "GHSA-jfh8-c2jp-5v3q", Affected: azward.Yes,
		Layer: "sha256:22900590f27fe4dbc4f8243d2e40c952e0527cc63ec0b862bad01182a321917f",
	}
	fact := azward.Evidence{
		Resource: cluster, Property: "/properties/networkProfile/networkPolicy", Value: json.RawMessage(`"cilium"`), Meaning: "cilium enforces network policies",
		Source: azward.SourceARM, APIVersion: "2024-09-01", ReadAt: at, SHA256: "712140ce7d83aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	}
	listing := func(scope azward.ResourceID, kind string) azward.Evidence {
		return azward.Evidence{Resource: scope, Value: azward.JSONValue(map[string]any{"type": kind}), Meaning: "all " + kind + " in this scope were listed", Source: azward.SourceListing, ReadAt: at}
	}
	gap := azward.Gap{Scope: "/subscriptions/00000000-0000-0000-0000-000000000001", Kind: azward.GapDenied, Reads: "Microsoft.Network/loadBalancers", Needs: "Microsoft.Network/loadBalancers/read", Error: "the right is missing", Remedy: "az role assignment create --role Reader"}
	conditions := func(answer azward.Answer, why string, evidence []azward.Evidence, gaps ...azward.Gap) []azward.Condition {
		return []azward.Condition{
			{ID: azward.Deployed, Answer: azward.Yes, Summary: "container web runs this image", Evidence: []azward.Evidence{fact}},
			{ID: azward.Affected, Answer: azward.Yes, Summary: "log4j-core 2.14.1 is affected", Evidence: []azward.Evidence{fact}},
			{ID: azward.Reachable, Answer: answer, Summary: why, Evidence: evidence, Gaps: gaps},
		}
	}
	verdict := func(name string, answer azward.Answer, confidence azward.Confidence, why string, evidence []azward.Evidence, gaps ...azward.Gap) azward.Verdict {
		w := workload(name)
		words := map[azward.Answer]string{azward.Yes: "exploitable: ", azward.No: "not exploitable: ", azward.Unknown: "unknown: "}
		results := map[azward.Answer]azward.Result{azward.Yes: azward.Exploitable, azward.No: azward.NotExploitable, azward.Unknown: azward.Undecided}
		return azward.Verdict{
			ID: azward.NewVerdictID(w.ID, "", finding.ID, finding.PURL), Exploitable: answer, Result: results[answer], Confidence: confidence, Vulnerability: finding.ID, Finding: finding,
			Basis: azward.Basis{Grade: 3, Summary: "every deciding fact was read from its authority"}, Priority: azward.Priority{Reasons: []string{"known to be exploited (CISA KEV)"}, SSVC: "act"},
			Workload: w, Image: "contoso.azurecr.io/shop/" + name + "@sha256:aa", Summary: words[answer] + why, Conditions: conditions(answer, why, evidence, gaps...),
			Gaps: append([]azward.Gap{}, gaps...), DecidedAt: at,
		}
	}
	reached := verdict("storefront", azward.Yes, azward.ConfidenceHigh, "reached from any address on tcp 443 through load balancer kubernetes", []azward.Evidence{fact})
	reached.Mitigations = []azward.Condition{{ID: "non-root", Answer: azward.Yes, Summary: "no container runs as root", Evidence: []azward.Evidence{fact}}}
	reached.Impact = []azward.Condition{
		{ID: "identity", Answer: azward.Yes, Summary: "identity id-web reads all secrets of kv-prod", Evidence: []azward.Evidence{fact, fact}},
		{ID: "service-account", Summary: "what else the service account may do is not known", Evidence: []azward.Evidence{}, Gaps: []azward.Gap{gap}},
	}
	return []azward.Verdict{
		reached,
		verdict("search", azward.Unknown, azward.ConfidenceNone, "cannot be told: not everything that could lead to it was read", []azward.Evidence{}, gap),
		verdict("ledger", azward.No, azward.ConfidenceHigh, "no public load balancer, ingress or node port leads to it", []azward.Evidence{fact, listing(cluster, "services"), listing(cluster, "ingresses.networking.k8s.io"), listing("/subscriptions/00000000-0000-0000-0000-000000000001", "Microsoft.Cdn/profiles")}),
	}
}

// The page carries hostile names as text, loads nothing and runs nothing.
func TestHTML(t *testing.T) {
	t.Parallel()
	v := verdicts()[0]
	v.Workload.Name = `</title><script>alert(1)</script>`
	v.Conditions[0].Evidence[0].Value = json.RawMessage(`"</pre><img src=x onerror=alert(1)>"`)
	v.Dismissed = &azward.Dismissal{By: "<b>", Reason: "javascript:alert(1)"}
	var out strings.Builder
	page := report.Page{Picture: []byte("<svg></svg>"), Settings: []report.Setting{{Summary: "<i>", Change: `"Deny", was "Allow"`, Then: "blocked"}}}
	if err := report.HTML(&out, v, page); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"<script", "<img", "<b>", "<i>", "http://", "https://"} {
		if strings.Contains(out.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
	for _, wanted := range []string{"<svg></svg>", "● exploitable", "What would close the way in", "identity id-web reads all secrets", "dismissed"} {
		if !strings.Contains(out.String(), wanted) {
			t.Errorf("the page does not have %q", wanted)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	all := verdicts()
	each := func(f func(io.Writer, azward.Verdict) error) func(io.Writer) error {
		return func(w io.Writer) error {
			for _, v := range all {
				if err := f(w, v); err != nil {
					return err
				}
			}
			return nil
		}
	}
	for file, write := range map[string]func(io.Writer) error{
		"table.txt":  func(w io.Writer) error { return report.Table(w, all, report.Style{}) },
		"empty.txt":  func(w io.Writer) error { return report.Table(w, nil, report.Style{}) },
		"sarif.json": func(w io.Writer) error { return report.SARIF(w, all, "v1.2.3") },
		"json.json":  func(w io.Writer) error { return report.JSON(w, all) },
		"explain.txt": each(func(w io.Writer, v azward.Verdict) error {
			return report.Explain(w, v, report.Style{})
		}),
		"verdict.html": each(func(w io.Writer, v azward.Verdict) error { return report.HTML(w, v, report.Page{}) }),
		"markdown.md":  each(report.Markdown),
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		path := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// Names come from other people: they must not move the cursor, hide text or
// open a tag.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	v := verdicts()[0]
	hostile := "shop/\x1b[2J\x1b]0;owned\x07\r\n\u202egnp|<script>*bold*"
	v.Workload.Name, v.Image, v.Finding.PURL, v.Summary = hostile, hostile, "pkg:npm/"+hostile+"@1", hostile
	v.Conditions[2].Summary = hostile
	v.Conditions[2].Evidence[0].Meaning = hostile
	var table, explained, markdown bytes.Buffer
	if err := report.Table(&table, []azward.Verdict{v}, report.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Explain(&explained, v, report.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Markdown(&markdown, v); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"table": table.String(), "explain": explained.String(), "markdown": markdown.String()} {
		if strings.ContainsAny(out, "\x1b\x07\r\u202e") {
			t.Errorf("%s passes control characters on: %q", name, out)
		}
	}
	plain := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(markdown.String(), "") // a code span shows what it holds
	if strings.Contains(plain, "<script>") {
		t.Error("markdown passes a tag on")
	}
}

func TestSARIFLevels(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := report.SARIF(&out, verdicts(), ""); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	var levels []string
	for _, r := range log.Runs[0].Results {
		levels = append(levels, r.Level)
		if log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %s points at another rule", r.RuleID)
		}
	}
	if diff := cmp.Diff([]string{"error", "warning", "note"}, levels); diff != "" || log.Version != "2.1.0" || len(log.Runs[0].Tool.Driver.Rules) != 1 {
		t.Errorf("levels (-want +got):\n%s", diff)
	}
}
