// Package remediation says what to change in an image so that findings go away:
// the smallest upgrade of each package that clears what it has, the update of
// the distribution's packages, the move to another base image. [Plan] is the
// call. Each action counts what it alone clears, and an upgrade is proposed
// only when the advisories say that the version it leads to is clear.
package remediation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Kind of change.
type Kind string

// Kinds of change, in the order in which they are worth doing when they clear
// as much as each other.
const (
	Remove          Kind = "remove-package"     // it is malware
	MoveBase        Kind = "move-base"          // build on another image
	UpdateOS        Kind = "update-os-packages" // take what the distribution has fixed
	UpgradePackages Kind = "upgrade-package"    // raise a dependency
)

// Finding is a vulnerability with the package that has it.
type Finding struct {
	azward.Finding
	Package azward.Package
	// Base says that a layer of the base image brought the package.
	Base bool
}

// Base is an image that this one could be built on instead.
type Base struct {
	Reference string
	Digest    azward.Digest
	// Has says whether the image has a vulnerability in a package, by [Key].
	Has func(key string) bool
}

// Key names a vulnerability in a package whatever the version: what two
// images are compared by.
func Key(ecosystem, name, vulnerability string) string {
	base, _, _ := strings.Cut(ecosystem, ":")
	return base + "\x00" + name + "\x00" + vulnerability
}

// Action is one change and what it clears.
type Action struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	// Command to put into the Dockerfile or to run; "" where there is no one
	// command for it.
	Command string `json:"command,omitempty"`
	// Steps are the single upgrades of the action.
	Steps []Step `json:"steps,omitempty"`
	// Image to build on, for MoveBase.
	Image string `json:"image,omitempty"`
	// Clears lists the vulnerabilities that are gone after this action alone.
	Clears []string `json:"clears"`
	Counts Counts   `json:"counts"` // findings cleared
}

// Step raises one package.
type Step struct {
	Package   string   `json:"package"`
	Ecosystem string   `json:"ecosystem"`
	From      []string `json:"from"` // versions present
	To        string   `json:"to"`
	// Line is the Dockerfile instruction that brought it, as far as the image's
	// history tells; "" where it does not.
	Line  string        `json:"line,omitempty"`
	Layer azward.Digest `json:"layer,omitempty"`
	// Base says that the line is the base image's: the change belongs there, or
	// into a line of one's own above it.
	Base   bool     `json:"base,omitempty"`
	Clears []string `json:"clears"`
	// Left are findings of the package that the version still has.
	Left []string `json:"left,omitempty"`
}

// Counts of findings by severity. KEV counts those that are known to be exploited.
type Counts struct {
	Critical int `json:"critical"`
	High     int `json:"high"`
	Medium   int `json:"medium"`
	Low      int `json:"low"`
	Unknown  int `json:"unknown"` // without a score
	KEV      int `json:"kev"`
}

// Add counts one finding.
func (c *Counts) Add(f azward.Finding) {
	switch f.Severity {
	case azward.SeverityCritical:
		c.Critical++
	case azward.SeverityHigh:
		c.High++
	case azward.SeverityMedium:
		c.Medium++
	case azward.SeverityLow:
		c.Low++
	default:
		c.Unknown++
	}
	if f.KEV {
		c.KEV++
	}
}

// Total is the number of findings.
func (c Counts) Total() int { return c.Critical + c.High + c.Medium + c.Low + c.Unknown }

// Compare orders by what matters more: known exploited, then the most severe.
func (c Counts) Compare(o Counts) int {
	return cmp.Or(cmp.Compare(c.KEV, o.KEV), cmp.Compare(c.Critical, o.Critical), cmp.Compare(c.High, o.High),
		cmp.Compare(c.Medium, o.Medium), cmp.Compare(c.Low, o.Low), cmp.Compare(c.Unknown, o.Unknown))
}

// Advisories knows what affects a version, and the order of versions.
type Advisories interface {
	Match(pkg azward.Package) ([]azward.Finding, error)
	// Compare is -1, 0 or 1; an error when a version has no place in the order.
	Compare(ecosystem, a, b string) (int, error)
}

// Plan gives the actions for an image, the one that clears most first, and the
// number of findings that none of them clears.
func Plan(findings []Finding, known Advisories, bases []Base) (actions []Action, left int, err error) {
	cleared := map[int]bool{}
	for _, b := range bases {
		if a, ok := moveBase(findings, b, cleared); ok {
			actions = append(actions, a)
		}
	}
	upgrades, err := upgrades(findings, known)
	if err != nil {
		return nil, 0, err
	}
	os := Action{Kind: UpdateOS}
	for _, u := range upgrades {
		for _, at := range u.clears {
			cleared[at] = true
		}
		if u.os != "" {
			os.take(u, findings)
			os.Command = cmp.Or(os.Command, updateCommand(u.os))
			continue
		}
		a := Action{Kind: UpgradePackages, Title: fmt.Sprintf("upgrade %s from %s to %s", u.step.Package, strings.Join(u.step.From, ", "), u.step.To)}
		if u.step.To == "" {
			a.Kind, a.Title = Remove, "remove "+u.step.Package+": it is a malicious package"
		}
		a.take(u, findings)
		actions = append(actions, a)
	}
	if len(os.Steps) > 0 {
		os.Title = fmt.Sprintf("update %d packages of the distribution", len(os.Steps))
		if len(os.Steps) == 1 {
			os.Title = "update " + os.Steps[0].Package + " of the distribution"
		}
		actions = append(actions, os)
	}
	for i := range actions {
		slices.Sort(actions[i].Clears)
		actions[i].Clears = slices.Compact(actions[i].Clears)
	}
	order := []Kind{Remove, MoveBase, UpdateOS, UpgradePackages}
	slices.SortStableFunc(actions, func(a, b Action) int {
		return cmp.Or(b.Counts.Compare(a.Counts), cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.Title, b.Title))
	})
	return actions, len(findings) - len(cleared), nil
}

func (a *Action) take(u upgrade, findings []Finding) {
	a.Steps = append(a.Steps, u.step)
	a.Clears = append(a.Clears, u.step.Clears...)
	for _, at := range u.clears {
		a.Counts.Add(findings[at].Finding)
	}
}

func moveBase(findings []Finding, b Base, cleared map[int]bool) (Action, bool) {
	a := Action{Kind: MoveBase, Title: "build on " + b.Reference, Image: b.Reference, Command: "FROM " + b.Reference}
	for i, f := range findings {
		if !f.Base || b.Has(Key(f.Package.Ecosystem, f.Package.Name, f.ID)) {
			continue
		}
		a.Clears = append(a.Clears, f.ID)
		a.Counts.Add(f.Finding)
		cleared[i] = true
	}
	if b.Digest != "" {
		a.Image = b.Reference + "@" + string(b.Digest)
	}
	return a, len(a.Clears) > 0
}

// updateCommand is the Dockerfile line that takes a distribution's fixes.
func updateCommand(ecosystem string) string {
	base, _, _ := strings.Cut(ecosystem, ":")
	switch base {
	case "Debian", "Ubuntu":
		return "RUN apt-get update && apt-get upgrade -y && rm -rf /var/lib/apt/lists/*"
	case "Alpine", "Wolfi", "Chainguard":
		return "RUN apk upgrade --no-cache"
	case "Azure Linux":
		return "RUN tdnf upgrade -y && tdnf clean all"
	case "Red Hat", "Rocky Linux", "AlmaLinux", "Oracle Linux", "Amazon Linux":
		return "RUN dnf upgrade -y && dnf clean all"
	case "openSUSE", "SUSE":
		return "RUN zypper --non-interactive update && zypper clean --all"
	}
	return ""
}
