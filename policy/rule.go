// Package policy evaluates rules about what an estate is set to: azward's own
// and a user's, written in YAML with conditions in CEL, beside Azure Policy
// definitions (package azurepolicy). A rule is data; [Load] checks and compiles
// it, a [Checker] evaluates any number of them on an estate and says pass, fail
// or unknown with the properties that decided.
package policy

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// Rule is one rule, compiled. It never changes: any number of checkers may use
// it at once.
type Rule struct {
	ID        string
	Title     string
	Severity  azward.Severity
	Category  string
	Rationale string
	// Types are ARM types, collections of Microsoft Graph
	// ("Microsoft.Graph/users") or Kubernetes kinds ("Deployment.apps").
	Types []string
	// Scope is "subscription" or "tenant" for a rule about what must exist.
	Scope string
	// Applies, Test and UnknownWhen are CEL; Applies and UnknownWhen may be "".
	Applies, Test, UnknownWhen string
	// Fails tells that the rule fails when Test holds; else it passes then.
	Fails      bool
	Remedy     Remedy
	Frameworks []string
	Source     string
	// Reads are the properties that the rule is about.
	Reads []string
	Cases []Case
	// File and Line say where it is written.
	File string
	Line int

	applies, test, open *program
}

// Remedy says how to set it right.
type Remedy struct {
	CLI       string `json:"cli,omitempty" yaml:"cli"`
	Bicep     string `json:"bicep,omitempty" yaml:"bicep"`
	Terraform string `json:"terraform,omitempty" yaml:"terraform"`
}

// Scopes of rules about what must exist.
const (
	scopeSubscription = "subscription"
	scopeTenant       = "tenant"
)

// prefix is what a framework's name and an item's number are parted by.
const itemSeparator = ": "

// Frameworks' items are written "CIS Azure Foundations 6.0: 4.1"; Framework
// gives the part before the number.
func framework(item string) string {
	name, _, _ := strings.Cut(item, itemSeparator)
	return name
}

// Of reports whether the rule is part of a framework, by its name or the
// beginning of it, in any case.
func (r *Rule) Of(name string) bool {
	for _, item := range r.Frameworks {
		of := framework(item)
		if len(of) >= len(name) && strings.EqualFold(of[:len(name)], name) {
			return true
		}
	}
	return false
}

// Problem is a rule that is not evaluated.
type Problem struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Rule string `json:"rule,omitempty"`
	Why  string `json:"why"`
}

// String names file, line and rule.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d: ", p.File, p.Line)
	if p.Rule != "" {
		s += "rule " + p.Rule + ": "
	}
	return s + p.Why
}
