package workspace

import (
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Filters is what the address of the list of verdicts says, checked. Saved views
// have the same form.
type Filters struct {
	Text      string
	Results   []azward.Result
	Severity  azward.Severity
	Known     bool
	Source    string
	Workload  string
	CVE       string
	Dismissed Hidden
}

// maxText bounds what is searched for, in bytes.
const maxText = 200

// ReadFilters reads and checks the query of an address.
func ReadFilters(q url.Values) (Filters, error) {
	f := Filters{
		Text: strings.TrimSpace(q.Get("q")), Severity: azward.Severity(q.Get("severity")), Known: q.Get("known") != "",
		Source: q.Get("source"), Workload: q.Get("workload"), CVE: q.Get("cve"), Dismissed: Hidden(q.Get("dismissed")),
	}
	const op = "read filters"
	if len(f.Text) > maxText || len(f.CVE) > maxText || len(f.Source) > maxText {
		return f, badFilter(op, "what is searched for is longer than 200 bytes", "search for less")
	}
	for _, text := range q["result"] {
		r := azward.Result(text)
		if !slices.Contains(azward.Results(), r) {
			return f, badFilter(op, "there is no such result", "use exploitable, conditional, unknown, dormant or not-exploitable")
		}
		if !slices.Contains(f.Results, r) {
			f.Results = append(f.Results, r)
		}
	}
	if f.Severity != "" && f.Severity.Rank() == 0 {
		return f, badFilter(op, "there is no such severity", "use low, medium, high or critical")
	}
	if f.Workload != "" {
		if _, err := azward.ParseResourceID(f.Workload); err != nil {
			return f, err
		}
	}
	switch f.Dismissed {
	case HideDismissed, WithDismissed, OnlyDismissed:
	default:
		return f, badFilter(op, "dismissed verdicts are hidden, shown with the others, or shown alone", "leave dismissed out, or use with or only")
	}
	return f, nil
}

// Query writes the filters as the URL has them, always in the same order.
func (f Filters) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"q": f.Text, "severity": string(f.Severity), "source": f.Source, "workload": f.Workload, "cve": f.CVE, "dismissed": string(f.Dismissed),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, r := range f.Results {
		q.Add("result", string(r))
	}
	if f.Known {
		q.Set("known", "1")
	}
	return q
}

// Ask is the question for a page of the list; after is the Next of the one
// before.
func (f Filters) Ask(after string) VerdictQuery {
	return VerdictQuery{
		Filter: store.Filter{
			Source: f.Source, Results: f.Results, MinSeverity: f.Severity, Vulnerability: f.CVE, Workload: azward.ResourceID(f.Workload), Text: f.Text, Known: f.Known,
		},
		Dismissed: f.Dismissed, After: after,
	}
}

func badFilter(op, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: op, Cause: cause, Remedy: remedy}
}
