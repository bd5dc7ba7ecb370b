package verdict

import (
	"strings"

	"github.com/azward/azward"
)

// summarise writes the sentence of a verdict from its deciding conditions.
func summarise(v azward.Verdict) string {
	head := map[azward.Result]string{
		azward.Exploitable: "exploitable: ", azward.Conditional: "exploitable on a condition: ", azward.Dormant: "dormant: ",
		azward.NotExploitable: "not exploitable: ",
	}[v.Result]
	var parts []string
	switch v.Result {
	case azward.Exploitable:
		for _, c := range []int{2, 0, 1} { // the way in first: that is what a reader can change
			parts = append(parts, v.Conditions[c].Summary)
		}
	case azward.Conditional:
		for _, c := range []int{3, 2, 0, 1} {
			parts = append(parts, v.Conditions[c].Summary)
		}
	case azward.Dormant:
		parts = append(parts, v.Conditions[0].Summary)
		if v.Conditions[2].Answer == azward.Yes {
			parts = append(parts, "once it runs, it is "+v.Conditions[2].Summary)
		}
	case azward.NotExploitable:
		parts = blocks(v, azward.No)
	default:
		head, parts = "unknown: ", blocks(v, azward.Unknown)
	}
	return head + strings.Join(parts, "; ")
}

// blocks are the sentences of all conditions with an answer.
func blocks(v azward.Verdict, answer azward.Answer) []string {
	var parts []string
	for _, c := range v.Conditions {
		if c.Answer == answer {
			parts = append(parts, c.Summary)
		}
	}
	return parts
}
