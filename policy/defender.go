package policy

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// Types of what Defender for Cloud says, as Resource Graph has it.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/samples-by-table#securityresources
const (
	assessmentType    = "Microsoft.Security/assessments"
	SubAssessmentType = "Microsoft.Security/assessments/subAssessments"
	alertType         = "Microsoft.Security/locations/alerts"
	scoreType         = "Microsoft.Security/secureScores"
	scoreControlType  = "Microsoft.Security/secureScores/secureScoreControls"
	standardType      = "Microsoft.Security/regulatoryComplianceStandards"
	controlType       = "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls"
)

// Defender is what Defender for Cloud says of an estate, beside azward's own
// answers.
type Defender struct {
	Recommendations []Recommendation `json:"recommendations"`
	Scores          []SecureScore    `json:"secureScores"`
	Alerts          []Alert          `json:"alerts"`
	Standards       []Standard       `json:"standards"`
	// Gaps are listings that are missing, whole or in part, and objects that
	// could not be read: what follows from them is unknown, and not none.
	Gaps []azward.Gap `json:"gaps"`
}

// Recommendation is one assessment of one resource.
type Recommendation struct {
	Agreement azurepolicy.Agreement `json:"agreement"`
	Title     string                `json:"title"`
	Key       string                `json:"key"` // of the assessment, the same for every resource
	Severity  azward.Severity       `json:"severity"`
	Resource  azward.ResourceID     `json:"resource"`
	// Known tells whether the estate has the resource.
	Known bool `json:"known"`
	// Defender is its word: Unhealthy, Healthy, NotApplicable; "" where it says
	// nothing of a resource that ours fails.
	Defender string    `json:"defender,omitempty"`
	Cause    string    `json:"cause,omitempty"` // of NotApplicable, or why it is unhealthy
	Since    time.Time `json:"since,omitzero"`
	// Rules that ask the same, Ours what they say (pass, fail, unknown,
	// suppressed), and Reason why; all empty where no rule does.
	Rules  []string `json:"rules,omitempty"`
	Ours   string   `json:"ours,omitempty"`
	Reason string   `json:"reason,omitempty"`
	// ID of the assessment; "" where there is none.
	ID azward.ResourceID `json:"id,omitempty"`
}

// SecureScore is Defender's score of a subscription.
type SecureScore struct {
	Subscription azward.ResourceID `json:"subscription"`
	Name         string            `json:"name"`
	Current      float64           `json:"current"`
	Max          float64           `json:"max"`
	Controls     []ScoreControl    `json:"controls"`
}

// ScoreControl is a group of recommendations within a score.
type ScoreControl struct {
	Title     string  `json:"title"`
	Current   float64 `json:"current"`
	Max       float64 `json:"max"`
	Unhealthy int     `json:"unhealthy"` // resources
}

// Alert is a threat that Defender saw.
type Alert struct {
	Title     string              `json:"title"`
	Severity  azward.Severity     `json:"severity"`
	Status    string              `json:"status"` // Active, InProgress, Resolved, Dismissed
	Intent    string              `json:"intent,omitempty"`
	Entity    string              `json:"entity,omitempty"`
	Resources []azward.ResourceID `json:"resources"`
	At        time.Time           `json:"at,omitzero"`
	ID        azward.ResourceID   `json:"id"`
}

// Standard is a standard of regulatory compliance and its controls.
type Standard struct {
	Subscription azward.ResourceID `json:"subscription"`
	Name         string            `json:"name"`
	State        string            `json:"state"`
	Passed       int               `json:"passed"` // controls
	Failed       int               `json:"failed"`
	Skipped      int               `json:"skipped"`
	Unsupported  int               `json:"unsupported"`
	Controls     []Control         `json:"failedControls"` // those that fail, as far as they were read
}

// Control is one control of a standard.
type Control struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	Passed int    `json:"passedAssessments"`
	Failed int    `json:"failedAssessments"`
}

// DefenderOf gathers what the estate holds of Defender for Cloud, and compares
// its recommendations to results of our rules on the same estate.
func DefenderOf(e *estate.Estate, results iter.Seq[report.Posture]) (*Defender, error) {
	keys, err := assessmentKeys()
	if err != nil {
		return nil, err
	}
	d := &defending{estate: e, keys: keys, ours: ownResults(results, keys)}
	d.out = Defender{Recommendations: []Recommendation{}, Scores: []SecureScore{}, Alerts: []Alert{}, Standards: []Standard{}, Gaps: []azward.Gap{}}
	d.recommendations()
	d.scores()
	d.alerts()
	d.standards()
	// Of sub-assessments a collector reads those that are unhealthy alone: no
	// listing proves that there are no others, and none has to.
	for _, g := range e.Gaps() {
		if strings.EqualFold(g.Reads, SubAssessmentType) {
			d.out.Gaps = append(d.out.Gaps, g)
		}
	}
	return &d.out, nil
}

type defending struct {
	estate *estate.Estate
	keys   map[string][]string // of assessments, to rules
	ours   map[string][]report.Posture
	out    Defender
}

// ownResults are those of the rules that an assessment is compared to.
func ownResults(results iter.Seq[report.Posture], keys map[string][]string) map[string][]report.Posture {
	wanted := map[string]bool{}
	for _, rules := range keys {
		for _, r := range rules {
			wanted[r] = true
		}
	}
	ours := map[string][]report.Posture{}
	for p := range results {
		if p.Engine == EngineRules && wanted[p.Rule] {
			ours[p.Rule] = append(ours[p.Rule], p)
		}
	}
	return ours
}

type assessmentView struct {
	Properties struct {
		DisplayName string
		Status      struct {
			Code, Cause, Description string
			StatusChangeDate         time.Time
		}
		Metadata struct{ Severity string }
	}
}

func (d *defending) recommendations() {
	seen := map[string]map[azward.ResourceKey]bool{}
	for _, r := range d.estate.OfType(assessmentType) {
		v, err := estate.Decode[assessmentView](r)
		if err != nil {
			d.unread(r, err)
			continue
		}
		p, key := v.Properties, strings.ToLower(r.ID.Name())
		one := Recommendation{
			Title: p.DisplayName, Key: key, Severity: defenderSeverity(p.Metadata.Severity), Resource: assessed(r.ID), Defender: p.Status.Code,
			Cause: cmp.Or(p.Status.Description, p.Status.Cause), Since: p.Status.StatusChangeDate, Rules: d.keys[key], ID: r.ID,
		}
		_, one.Known = d.estate.Resource(one.Resource)
		one.Ours, one.Reason = d.own(one.Rules, one.Resource)
		one.Agreement = agreement(one.Ours, one.Defender)
		d.out.Recommendations = append(d.out.Recommendations, one)
		for _, rule := range one.Rules {
			if seen[rule] == nil {
				seen[rule] = map[azward.ResourceKey]bool{}
			}
			seen[rule][one.Resource.Key()] = true
		}
	}
	_, missing := d.estate.Absence("", assessmentType)
	d.out.Gaps = append(d.out.Gaps, missing...)
	if len(missing) == 0 {
		d.onlyOurs(seen)
	}
	slices.SortStableFunc(d.out.Recommendations, func(a, b Recommendation) int {
		return cmp.Or(recommendationOrder(a)-recommendationOrder(b), b.Severity.Rank()-a.Severity.Rank(), strings.Compare(a.Title, b.Title), strings.Compare(string(a.Resource.Key()), string(b.Resource.Key())))
	})
}

// recommendationOrder puts disagreement first, and what nobody objects to last.
func recommendationOrder(r Recommendation) int {
	switch {
	case r.Agreement == azurepolicy.Disagree:
		return 0
	case r.Defender == "Unhealthy":
		return 1
	case r.Ours == "fail":
		return 2
	}
	return 3
}

// onlyOurs adds what fails by a rule that Defender has a recommendation for,
// of a resource that it says nothing of.
func (d *defending) onlyOurs(seen map[string]map[azward.ResourceKey]bool) {
	for _, rule := range sortedKeys(d.ours) {
		for _, p := range d.ours[rule] {
			if p.Result != "fail" || within(seen[rule], p.Resource) {
				continue
			}
			d.out.Recommendations = append(d.out.Recommendations, Recommendation{
				Agreement: azurepolicy.OnlyOurs, Title: p.Title, Severity: p.Severity, Resource: p.Resource, Known: true,
				Rules: []string{rule}, Ours: p.Result, Reason: p.Reason,
			})
		}
	}
}

// within tells whether a resource, or one above it, is among some.
func within(some map[azward.ResourceKey]bool, id azward.ResourceID) bool {
	for ; id != ""; id = id.Parent() {
		if some[id.Key()] {
			return true
		}
	}
	return false
}

// own is what our rules say of a resource and of what lies below it.
func (d *defending) own(rules []string, id azward.ResourceID) (result, reason string) {
	order := []string{"", "pass", "exempt", "suppressed", "unknown", "fail"}
	for _, rule := range rules {
		for _, p := range d.ours[rule] {
			if p.Resource.Within(id) && slices.Index(order, p.Result) > slices.Index(order, result) {
				result, reason = p.Result, p.Reason
			}
		}
	}
	return result, reason
}

func agreement(ours, defender string) azurepolicy.Agreement {
	bad := strings.EqualFold(defender, "Unhealthy")
	good := strings.EqualFold(defender, "Healthy")
	switch {
	case ours == "":
		return azurepolicy.OnlyAzures
	case !bad && !good:
		return azurepolicy.AzuresOpen
	case ours == "unknown":
		return azurepolicy.OursOpen
	case bad == (ours != "pass"):
		return azurepolicy.Agree
	}
	return azurepolicy.Disagree
}

// assessed is the resource that an assessment is attached to.
func assessed(id azward.ResourceID) azward.ResourceID {
	if at := strings.Index(strings.ToLower(string(id)), "/providers/microsoft.security/assessments/"); at > 0 {
		return id[:at]
	}
	return id
}

func defenderSeverity(word string) azward.Severity {
	for _, s := range severities {
		if strings.EqualFold(string(s), word) {
			return s
		}
	}
	if strings.EqualFold(word, "Informational") {
		return azward.SeverityNone
	}
	return azward.SeverityUnknown
}

func (d *defending) unread(r *estate.Resource, err error) {
	d.out.Gaps = append(d.out.Gaps, azward.Gap{
		Scope: r.ID, Reads: r.Type, Kind: azward.GapUnparsed, Error: err.Error(), Remedy: "report it with the object; it is left out",
	})
}

type scoreView struct {
	Properties struct {
		DisplayName            string
		Score                  struct{ Max, Current float64 }
		UnhealthyResourceCount int
	}
}

func (d *defending) scores() {
	_, missing := d.estate.Absence("", scoreType, scoreControlType)
	d.out.Gaps = append(d.out.Gaps, missing...)
	for _, r := range d.estate.OfType(scoreType) {
		v, err := estate.Decode[scoreView](r)
		if err != nil {
			d.unread(r, err)
			continue
		}
		one := SecureScore{
			Subscription: r.ID.SubscriptionScope(), Name: cmp.Or(v.Properties.DisplayName, r.ID.Name()), Current: v.Properties.Score.Current,
			Max: v.Properties.Score.Max, Controls: []ScoreControl{},
		}
		for _, child := range d.estate.OfType(scoreControlType) {
			if !child.ID.Within(r.ID) {
				continue
			}
			c, err := estate.Decode[scoreView](child)
			if err != nil {
				d.unread(child, err)
				continue
			}
			p := c.Properties
			one.Controls = append(one.Controls, ScoreControl{cmp.Or(p.DisplayName, child.ID.Name()), p.Score.Current, p.Score.Max, p.UnhealthyResourceCount})
		}
		// The most points first that are still to be had.
		slices.SortStableFunc(one.Controls, func(a, b ScoreControl) int { return cmp.Compare(b.Max-b.Current, a.Max-a.Current) })
		d.out.Scores = append(d.out.Scores, one)
	}
}

type alertView struct {
	Properties struct {
		AlertDisplayName, Severity, Status, Intent, CompromisedEntity string
		TimeGeneratedUtc, StartTimeUtc                                time.Time
		ResourceIdentifiers                                           []struct{ AzureResourceID azward.ResourceID }
	}
}

func (d *defending) alerts() {
	_, missing := d.estate.Absence("", alertType)
	d.out.Gaps = append(d.out.Gaps, missing...)
	for _, r := range d.estate.OfType(alertType) {
		v, err := estate.Decode[alertView](r)
		if err != nil {
			d.unread(r, err)
			continue
		}
		p := v.Properties
		one := Alert{
			Title: p.AlertDisplayName, Severity: defenderSeverity(p.Severity), Status: p.Status, Intent: p.Intent, Entity: p.CompromisedEntity,
			Resources: []azward.ResourceID{}, At: p.TimeGeneratedUtc, ID: r.ID,
		}
		if one.At.IsZero() {
			one.At = p.StartTimeUtc
		}
		for _, about := range p.ResourceIdentifiers {
			if about.AzureResourceID != "" {
				one.Resources = append(one.Resources, about.AzureResourceID)
			}
		}
		d.out.Alerts = append(d.out.Alerts, one)
	}
	open := func(a Alert) int {
		if a.Status == "Resolved" || a.Status == "Dismissed" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(d.out.Alerts, func(a, b Alert) int {
		return cmp.Or(open(a)-open(b), b.Severity.Rank()-a.Severity.Rank(), b.At.Compare(a.At), strings.Compare(string(a.ID), string(b.ID)))
	})
}

type standardView struct {
	Properties struct {
		State, Description                                        string
		PassedControls, FailedControls, SkippedControls           int
		UnsupportedControls, PassedAssessments, FailedAssessments int
	}
}

func (d *defending) standards() {
	_, missing := d.estate.Absence("", standardType, controlType)
	d.out.Gaps = append(d.out.Gaps, missing...)
	controls := map[azward.ResourceKey][]Control{}
	for _, r := range d.estate.OfType(controlType) {
		v, err := estate.Decode[standardView](r)
		if err != nil {
			d.unread(r, err)
			continue
		}
		if p := v.Properties; p.State == "Failed" {
			of := r.ID.Parent().Key()
			controls[of] = append(controls[of], Control{r.ID.Name(), p.Description, p.PassedAssessments, p.FailedAssessments})
		}
	}
	for _, r := range d.estate.OfType(standardType) {
		v, err := estate.Decode[standardView](r)
		if err != nil {
			d.unread(r, err)
			continue
		}
		p := v.Properties
		failed := controls[r.ID.Key()]
		slices.SortStableFunc(failed, func(a, b Control) int { return byNumber(a.Name, b.Name) })
		d.out.Standards = append(d.out.Standards, Standard{
			Subscription: r.ID.SubscriptionScope(), Name: r.ID.Name(), State: p.State, Passed: p.PassedControls, Failed: p.FailedControls,
			Skipped: p.SkippedControls, Unsupported: p.UnsupportedControls, Controls: append([]Control{}, failed...),
		})
	}
}

// byNumber orders "2.1.2" before "2.1.10".
func byNumber(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		m, errX := strconv.Atoi(x[i])
		n, errY := strconv.Atoi(y[i])
		by := m - n
		if errX != nil || errY != nil {
			by = strings.Compare(x[i], y[i])
		}
		if by != 0 {
			return by
		}
	}
	return len(x) - len(y)
}
