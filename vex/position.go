package vex

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/azward/azward"
)

// status is what is said of a vulnerability in a product, in the words that
// all VEX formats share.
type status int8

// The order is that of urgency.
const (
	affected status = iota
	underInvestigation
	notAffected
)

// reason says why a product is not affected, the weakest first.
type reason int8

const (
	// perimeter: nobody outside can send it packets. It is a property of the
	// deployment's configuration, not of the software.
	perimeter  reason = iota + 1
	unexecuted        // the vulnerable code is there and never runs in a container
	absent            // the vulnerable code is not there
)

// position is a verdict as VEX sees it.
type position struct {
	status
	reason
	// notes say how the status came about; always there.
	notes string
	// action tells what to do, of affected alone.
	action string
	// fix says that the action is an update, and refused that none will come.
	fix, refused bool
	// blocked marks what is affected and, today, not reached.
	blocked bool
}

// positionOf judges one verdict. Whatever can change without a deployment, is
// not decided or rests on facts that are too old, is under investigation: none
// of the readers of VEX hides that. A dismissal is a person's decision to live
// with it, so it is said and changes nothing.
func positionOf(v azward.Verdict) position {
	p := position{status: underInvestigation, notes: cmp.Or(v.Summary, string(v.Result), "undecided")}
	switch {
	case v.Stale:
		p.notes = "the facts are older than a verdict may rest on: " + v.Summary
	case v.Exploitable == azward.Yes:
		p.status = affected
		p.action, p.fix, p.refused = action(v)
		if len(v.Prerequisites) > 0 {
			p.notes += "; an attacker needs besides: " + prerequisites(v)
		}
	case v.Exploitable != azward.No:
	case v.Result == azward.Dormant:
		p.notes = "not running now, and it may again without a deployment: " + v.Summary
	case onSuppliersWord(v) && answerOf(v, azward.Reachable) != azward.No: // whose own document says it better than we can
		p.notes = "denied by a supplier's document that azward was given: " + v.Summary
	case onSuppliersWord(v):
		p.status, p.reason = notAffected, perimeter
	case answerOf(v, azward.Affected) == azward.No && v.Finding.Affected != azward.No: // the version is in range, but its code does not run here
		p.status, p.reason = notAffected, unexecuted
	case answerOf(v, azward.Affected) == azward.No:
		p.status, p.reason = notAffected, absent
	case answerOf(v, azward.Reachable) == azward.No:
		p.status, p.reason = notAffected, perimeter
	}
	if d := v.Dismissed; d != nil {
		p.notes += fmt.Sprintf("; dismissed until %s, which does not change the status: %s", d.Until.UTC().Format(time.DateOnly), d.Reason)
	}
	return p
}

// onSuppliersWord says that somebody else's VEX document alone makes a package
// not affected: repeating it as ours would say what nobody here has seen.
func onSuppliersWord(v azward.Verdict) bool {
	for _, c := range v.Conditions {
		if c.ID == azward.Affected && c.Answer == azward.No && v.Finding.Affected != azward.No {
			return slices.ContainsFunc(c.Evidence, func(e azward.Evidence) bool { return e.Source == azward.SourceUser })
		}
	}
	return false
}

// unasserted takes back what only whoever reads a document may conclude: a
// network block is said as what it is, affected and blocked today.
func (p position) unasserted() position {
	if p.status != notAffected || p.reason != perimeter {
		return p
	}
	p.status, p.reason, p.blocked = affected, 0, true
	p.action = "blocked today, not fixed: " + p.notes
	return p
}

// worse reports whether p asks for more attention than q.
func (p position) worse(q position) bool {
	if p.status != q.status {
		return p.status < q.status
	}
	return p.reason < q.reason
}

// action tells what to do about an exploitable verdict, whether that is an
// update, and whether the supplier declined one.
func action(v azward.Verdict) (text string, fix, refused bool) {
	switch {
	case v.Finding.Malicious:
		return "remove " + packageOf(v) + ": the package is itself the attack", false, false
	case len(v.Finding.FixedIn) > 0:
		return fmt.Sprintf("update %s to %s", packageOf(v), strings.Join(v.Finding.FixedIn, " or ")), true, false
	case v.Finding.FixState == azward.WillNotFix:
		return "the supplier will not fix it; close the path: " + v.Summary, false, true
	}
	return "no fixed version is published; close the path: " + v.Summary, false, false
}

func prerequisites(v azward.Verdict) string {
	words := make([]string, len(v.Prerequisites))
	for i, p := range v.Prerequisites {
		words[i] = strings.ReplaceAll(string(p), "-", " ")
	}
	return strings.Join(words, ", ")
}

func answerOf(v azward.Verdict, id azward.ConditionID) azward.Answer {
	for _, c := range v.Conditions {
		if c.ID == id {
			return c.Answer
		}
	}
	return azward.Unknown
}

// plain takes out of somebody else's text what moves a cursor or turns the
// direction of writing, and keeps it from opening a tag where a page shows it
// without escaping; "1.2 < 1.3" stays.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
	return opensTag.ReplaceAllString(s, "‹$1")
}

var opensTag = regexp.MustCompile(`<([A-Za-z/!?])`)
