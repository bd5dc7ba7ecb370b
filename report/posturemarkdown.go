package report

import (
	"fmt"
	"io"
	"strings"
)

// FrameworkCoverage is what was found of a framework.
type FrameworkCoverage struct {
	Name string `json:"name"`
	// Whole tells that all items of the framework are listed, those that nothing
	// decides among them.
	Whole bool            `json:"whole"`
	Items []*ItemCoverage `json:"items"`
}

// ItemCoverage is what was found of one item.
type ItemCoverage struct {
	Item    string   `json:"item"`
	Title   string   `json:"title"`
	Level   int      `json:"level,omitempty"`
	Rules   []string `json:"rules,omitempty"`
	Why     string   `json:"why,omitempty"` // no rule decides it: manual, unreadable, unread
	Because string   `json:"because,omitempty"`
	Pass    int      `json:"pass"` // results
	Fail    int      `json:"fail"`
	Unknown int      `json:"unknown"`
	Aside   int      `json:"aside"` // exempt and suppressed
	// First is the first result that fails, or else that is unknown.
	First *Posture `json:"-"`
}

// Add counts a result of the item.
func (i *ItemCoverage) Add(p *Posture) {
	if i.Title == "" {
		i.Title = p.Title
	}
	switch p.Result {
	case "fail":
		if i.Fail++; i.Fail == 1 {
			i.First = p
		}
	case "unknown":
		if i.Unknown++; i.First == nil {
			i.First = p
		}
	case "pass":
		i.Pass++
	default:
		i.Aside++
	}
}

// Judged is how many results there are.
func (i *ItemCoverage) Judged() int { return i.Pass + i.Fail + i.Unknown + i.Aside }

// State says in a word how the item stands. An item without a resource that it
// could be about is not called a pass.
func (i *ItemCoverage) State() string {
	switch {
	case i.Fail > 0:
		return "fail"
	case i.Unknown > 0:
		return "unknown"
	case i.Pass > 0:
		return "pass"
	case i.Aside > 0:
		return "aside"
	case len(i.Rules) > 0:
		return "nothing to judge"
	case i.Why == "manual":
		return "manual"
	}
	return "not covered"
}

var itemStates = []string{"fail", "unknown", "pass", "aside", "nothing to judge", "manual", "not covered"}

// PostureMarkdown writes a section for each framework: how many of its items
// pass, fail and are open, and which these are.
func PostureMarkdown(w io.Writer, frameworks []FrameworkCoverage) error {
	var out strings.Builder
	out.WriteString("# Posture\n")
	for _, f := range frameworks {
		counts := map[string]int{}
		for _, i := range f.Items {
			counts[i.State()]++
		}
		var parts []string
		for _, s := range itemStates {
			if counts[s] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
			}
		}
		what := "items that rules and policies name"
		if f.Whole {
			what = "items"
		}
		fmt.Fprintf(&out, "\n## %s\n\n%d %s: %s.\n\n", markdown(f.Name), len(f.Items), what, strings.Join(parts, ", "))
		out.WriteString("| item | result | fail | unknown | pass | aside | what is so when all is well | for example |\n|---|---|---|---|---|---|---|---|\n")
		for _, i := range f.Items {
			fmt.Fprintf(&out, "| %s | %s | %d | %d | %d | %d | %s | %s |\n", markdown(i.Item), i.State(), i.Fail, i.Unknown, i.Pass, i.Aside, markdown(i.Title), markdown(i.example()))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// example is the first result that is not well, or why there is none.
func (i *ItemCoverage) example() string {
	const letters = 160
	s := i.Because
	if p := i.First; p != nil {
		s = p.Resource.Name()
		if p.Reason != "" {
			s += ": " + p.Reason
		}
	}
	if r := []rune(s); len(r) > letters {
		s = string(r[:letters-1]) + "…"
	}
	return s
}
