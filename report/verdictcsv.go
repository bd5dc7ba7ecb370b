package report

import (
	"io"
	"strconv"
	"strings"
	"time"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

// verdictColumns is the header of [VerdictsCSV]. New columns come at the end.
var verdictColumns = []string{
	"verdict", "result", "exploitable", "confidence", "vulnerability", "severity", "cvss", "known_exploited", "epss", "ssvc",
	"package", "version", "purl", "fixed_in", "fix_state", "workload", "workload_kind", "workload_id", "subscription", "image",
	"reach", "blast", "criticality", "prerequisites", "blocked_by", "missing", "stale", "dismissed_until", "dismissed_by", "dismissed_reason",
	"decided_at", "aliases", "summary",
}

// VerdictsCSV writes one row a verdict, as [FoundCSV] does. Blocked_by are the
// conditions whose answer is no, missing the rights that would settle what is
// unknown.
func VerdictsCSV(w io.Writer, verdicts []azward.Verdict) error {
	t := newCSV(w, verdictColumns)
	for _, v := range verdicts {
		f := v.Finding
		name, version := packageOf(v), ""
		if p, err := packageurl.FromString(f.PURL); err == nil {
			name, version = strings.TrimPrefix(p.Namespace+"/"+p.Name, "/"), p.Version
		}
		var until, by, reason string
		if d := v.Dismissed; d != nil {
			until, by, reason = d.Until.UTC().Format(time.DateOnly), d.By, d.Reason
		}
		t.row(
			string(v.ID), string(v.Result), v.Exploitable.String(), string(v.Confidence), v.Vulnerability, string(f.Severity), number(f.CVSS), strconv.FormatBool(f.KEV), number(f.EPSS), v.Priority.SSVC,
			name, version, f.PURL, strings.Join(f.FixedIn, " "), string(f.FixState), v.Workload.Name, string(v.Workload.Kind), string(v.Workload.ID), string(v.Workload.ID.Subscription()), v.Image,
			v.Priority.Reach, strconv.Itoa(v.Priority.Blast), v.Priority.Criticality, words(v.Prerequisites), blockers(v), missing(v), strconv.FormatBool(v.Stale), until, by, reason,
			instant(v.DecidedAt), strings.Join(f.Aliases, " "), v.Summary,
		)
	}
	return t.end()
}

func words[T ~string](list []T) string {
	all := make([]string, len(list))
	for i, x := range list {
		all[i] = string(x)
	}
	return strings.Join(all, " ")
}

// blockers are the conditions that alone make the answer no.
func blockers(v azward.Verdict) string {
	var ids []azward.ConditionID
	for _, c := range v.Conditions {
		if c.Answer == azward.No {
			ids = append(ids, c.ID)
		}
	}
	return words(ids)
}

// missing are the rights, or the facts, that the verdict lacks, each once.
func missing(v azward.Verdict) string {
	var all []string
	seen := map[string]bool{}
	for _, g := range v.Gaps {
		what := g.Needs
		if what == "" {
			what = g.Reads
		}
		if what != "" && !seen[what] {
			seen[what] = true
			all = append(all, what)
		}
	}
	return strings.Join(all, "; ")
}

func instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
