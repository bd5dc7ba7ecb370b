package workspace

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// PostureSummary is how the newest estates stand.
type PostureSummary struct {
	Connections []PostureConnection     `json:"connections"`
	Counts      PostureCounts           `json:"counts"` // results
	Failing     map[azward.Severity]int `json:"failing"`
	// Score is the share of results that pass, in percent; -1 where nothing was
	// judged.
	Score      int                `json:"score"`
	Frameworks []PostureFramework `json:"frameworks"`
	Families   []PostureFamily    `json:"families"`
	// Urgent are what fails and the internet reaches, the first of each rule, the
	// most urgent first.
	Urgent       []PostureResult      `json:"urgent"`
	Trends       []PostureTrend       `json:"trends"`
	Defender     PostureDefender      `json:"defender"`
	Suppressions []PostureSuppression `json:"suppressions"`
	Gaps         []azward.Gap         `json:"gaps"` // connections whose estate is not there
}

// PostureConnection is what one connection's estate was evaluated with.
type PostureConnection struct {
	Connection  string        `json:"connection"`
	Scan        string        `json:"scan"`
	ScannedAt   time.Time     `json:"scannedAt"`
	EvaluatedAt time.Time     `json:"evaluatedAt"` // what rules took for now
	Profile     string        `json:"profile"`
	Rules       int           `json:"rules"`
	Policies    int           `json:"policies"` // Azure Policy definitions
	Skipped     int           `json:"skipped"`  // policies that are not evaluated
	Notes       []string      `json:"notes"`    // what is not evaluated, and why
	Counts      PostureCounts `json:"counts"`
	// Unlisted are results that pass and are counted, but in no list.
	Unlisted int `json:"unlisted,omitempty"`
}

// PostureFramework is how many items of a framework pass and fail.
type PostureFramework struct {
	Name   string `json:"name"`
	Source string `json:"source,omitempty"`
	// Whole tells that all items of the framework are listed, those that nothing
	// decides among them; else those that rules and policies name.
	Whole      bool `json:"whole"`
	Items      int  `json:"items"`
	Pass       int  `json:"pass"`
	Fail       int  `json:"fail"`
	Unknown    int  `json:"unknown"`
	Aside      int  `json:"aside"`      // suppressed or exempt
	Nothing    int  `json:"nothing"`    // the estate has nothing that they are about
	Manual     int  `json:"manual"`     // somebody has to look
	NotCovered int  `json:"notCovered"` // no rule decides them
	// Score is the share of decided items that pass, in percent: what is not known
	// does not pass. -1 where nothing is decided.
	Score int `json:"score"`
}

// PostureItem is one item of a framework.
type PostureItem struct {
	Item    string        `json:"item"`
	Title   string        `json:"title"`
	Level   int           `json:"level,omitempty"`
	State   string        `json:"state" enum:"fail,unknown,pass,aside,nothing to judge,manual,not covered"`
	Because string        `json:"because,omitempty"` // why no rule decides it
	Rules   []string      `json:"rules"`
	Counts  PostureCounts `json:"counts"` // results of its rules
}

// PostureFamily counts what rules of one category say.
type PostureFamily struct {
	Name   string        `json:"name"`
	Counts PostureCounts `json:"counts"`
	Idle   int           `json:"idle"` // rules without a result
	Rules  int           `json:"rules"`
}

// PostureSuppression is a suppression, and how many results it sets aside.
type PostureSuppression struct {
	Rule     string    `json:"rule"`
	Resource string    `json:"resource,omitempty"` // pattern
	Scope    string    `json:"scope,omitempty"`
	Reason   string    `json:"reason"`
	By       string    `json:"by"`
	Expires  time.Time `json:"expires"`
	Expired  bool      `json:"expired,omitempty"` // and does not hold
	Count    int       `json:"count"`             // results that are suppressed
}

// maxExposedShown bounds what is shown as urgent.
const maxExposedShown = 8

// Posture gives how the newest estates stand, of all connections or with a name
// of one.
func (w *Workspace) Posture(ctx context.Context, connection string) (PostureSummary, error) {
	s := PostureSummary{
		Connections: []PostureConnection{}, Failing: map[azward.Severity]int{}, Frameworks: []PostureFramework{}, Families: []PostureFamily{},
		Urgent: []PostureResult{}, Trends: []PostureTrend{}, Suppressions: []PostureSuppression{}, Gaps: []azward.Gap{},
	}
	list, gaps, err := w.postures(ctx, connection)
	if err != nil {
		return s, err
	}
	s.Gaps = append(s.Gaps, gaps...)
	for _, p := range list {
		s.add(p)
	}
	s.Score = s.Counts.Score()
	covered, err := coverage(list)
	if err != nil {
		return s, err
	}
	for _, f := range covered {
		s.Frameworks = append(s.Frameworks, f.sum())
	}
	s.families(list)
	s.suppressions(list)
	s.Defender = defenderOf(list)
	if s.Trends, err = w.postureTrends(ctx, connection); err != nil {
		return s, err
	}
	s.Urgent = urgent(list, maxExposedShown)
	return s, nil
}

// urgent are what fails and the internet reaches, one of each rule, the most
// urgent first.
func urgent(list []*posture, most int) []PostureResult {
	type located struct {
		row  *judged
		from string
	}
	var found []located
	seen := map[string]bool{}
	for _, p := range list {
		n := 0
		for i := 0; i < len(p.rows) && n < most; i++ {
			if j := &p.rows[i]; j.word() == PostureFail && j.exposed == exposedYes && !seen[j.rule.ID] {
				seen[j.rule.ID] = true
				found = append(found, located{j, p.kept.Scan.Source})
				n++
			}
		}
	}
	slices.SortStableFunc(found, func(a, b located) int { return comparePlaces(*a.row, *b.row) })
	rows := []PostureResult{}
	for _, f := range found[:min(len(found), most)] {
		rows = append(rows, f.row.row(f.from))
	}
	return rows
}

func (s *PostureSummary) add(p *posture) {
	c := PostureConnection{
		Connection: p.kept.Scan.Source, Scan: p.kept.Scan.ID, ScannedAt: p.kept.Scan.StartedAt, EvaluatedAt: p.at, Profile: p.profile.Name,
		Rules: len(p.profile.Rules), Policies: len(p.profile.Policies), Skipped: len(p.profile.Skipped), Notes: append([]string{}, p.profile.Notes...),
	}
	for _, h := range p.rules {
		n := p.counts[h]
		c.Counts.sum(n)
		c.Unlisted += p.unheld[h]
		if n.Fail > 0 {
			s.Failing[h.Severity] += n.Fail
		}
	}
	s.Counts.sum(c.Counts)
	s.Connections = append(s.Connections, c)
}

func (s *PostureSummary) families(list []*posture) {
	at := map[string]*PostureFamily{}
	seen := map[string]bool{}
	for _, p := range list {
		for _, h := range p.rules {
			name := cmp.Or(h.Category, "Other")
			if at[name] == nil {
				at[name] = &PostureFamily{Name: name}
			}
			f, n := at[name], p.counts[h]
			f.Counts.sum(n)
			if seen[h.ID] {
				continue
			}
			seen[h.ID] = true
			f.Rules++
			if !slices.ContainsFunc(list, func(p *posture) bool {
				o := p.byID[h.ID]
				return o != nil && p.counts[o].Judged() > 0
			}) {
				f.Idle++
			}
		}
	}
	for _, f := range at {
		s.Families = append(s.Families, *f)
	}
	slices.SortFunc(s.Families, func(a, b PostureFamily) int {
		return cmp.Or(cmp.Compare(b.Counts.Fail, a.Counts.Fail), cmp.Compare(b.Counts.Unknown, a.Counts.Unknown), cmp.Compare(a.Name, b.Name))
	})
}

func (s *PostureSummary) suppressions(list []*posture) {
	at := map[string]int{}
	for _, p := range list {
		used := map[string]int{}
		for i := range p.rows {
			if aside := p.rows[i].aside; aside != nil {
				used[suppressionKey(aside.At, aside.Reason, aside.Expires)]++
			}
		}
		for _, o := range p.profile.Suppressions {
			key := suppressionKey(o.At(), o.Reason, o.Expires) + placeMark + o.Rule + placeMark + o.Resource + placeMark + string(o.Scope)
			n, ok := at[key]
			if !ok {
				n = len(s.Suppressions)
				at[key] = n
				s.Suppressions = append(s.Suppressions, PostureSuppression{
					Rule: o.Rule, Resource: o.Resource, Scope: string(o.Scope), Reason: o.Reason, By: o.By, Expires: o.Expires, Expired: !p.at.Before(o.Expires),
				})
			}
			s.Suppressions[n].Count += used[suppressionKey(o.At(), o.Reason, o.Expires)]
		}
	}
	slices.SortStableFunc(s.Suppressions, func(a, b PostureSuppression) int { return a.Expires.Compare(b.Expires) })
}

func suppressionKey(at, reason string, expires time.Time) string {
	return at + placeMark + reason + placeMark + expires.Format(time.RFC3339)
}

// covering is a framework with what was found of it.
type covering struct {
	report.FrameworkCoverage
	source string
	counts map[string]PostureCounts // of results, by item
}

// coverage tells of each framework that a rule or policy names how its items
// stand.
func coverage(list []*posture) ([]covering, error) {
	var rules []*policy.Rule
	var results []report.Posture
	counts := map[string]PostureCounts{}
	seen := map[string]bool{}
	for _, p := range list {
		for _, h := range p.rules {
			if h.rule != nil && !seen[h.ID] {
				seen[h.ID] = true
				rules = append(rules, h.rule)
			}
			n := p.counts[h]
			for _, f := range h.Frameworks {
				c := counts[f]
				c.sum(n)
				counts[f] = c
			}
			// An item's state is as bad as its worst result: one of each kind will do.
			for word, n := range map[string]int{PostureFail: n.Fail, PostureUnknown: n.Unknown, PosturePass: n.Pass, PostureExempt: n.Exempt + n.Suppressed} {
				if n > 0 {
					results = append(results, report.Posture{Engine: h.Engine, Rule: h.ID, Title: h.Title, Result: word, Frameworks: h.Frameworks})
				}
			}
		}
	}
	found, err := policy.Coverage(rules, slices.Values(results), "")
	if err != nil {
		return nil, err
	}
	listed, err := policy.Frameworks()
	if err != nil {
		return nil, err
	}
	all := make([]covering, 0, len(found))
	for _, f := range found {
		c := covering{FrameworkCoverage: f, counts: map[string]PostureCounts{}}
		for _, i := range f.Items {
			n, ok := counts[f.Name+": "+i.Item]
			if !ok {
				n = counts[i.Item] // a group of an initiative
			}
			c.counts[i.Item] = n
		}
		if at := slices.IndexFunc(listed, func(l *policy.Framework) bool { return l.Name == f.Name }); at >= 0 {
			c.source = listed[at].Source
		}
		all = append(all, c)
	}
	return all, nil
}

func (c *covering) sum() PostureFramework {
	f := PostureFramework{Name: c.Name, Source: c.source, Whole: c.Whole, Items: len(c.Items)}
	for _, i := range c.Items {
		switch i.State() {
		case PostureFail:
			f.Fail++
		case PostureUnknown:
			f.Unknown++
		case PosturePass:
			f.Pass++
		case "aside":
			f.Aside++
		case "nothing to judge":
			f.Nothing++
		case "manual":
			f.Manual++
		default:
			f.NotCovered++
		}
	}
	f.Score = score(f.Pass, f.Fail+f.Unknown)
	return f
}

// PostureFrameworkDetail is a framework, item by item.
type PostureFrameworkDetail struct {
	PostureFramework
	List []PostureItem `json:"list"`
}

// PostureFramework gives a framework by its name; KindNotFound where no rule
// names it.
func (w *Workspace) PostureFramework(ctx context.Context, name, connection string) (PostureFrameworkDetail, error) {
	list, _, err := w.postures(ctx, connection)
	if err != nil {
		return PostureFrameworkDetail{}, err
	}
	all, err := coverage(list)
	if err != nil {
		return PostureFrameworkDetail{}, err
	}
	at := slices.IndexFunc(all, func(c covering) bool { return strings.EqualFold(c.Name, name) })
	if at < 0 {
		return PostureFrameworkDetail{}, &azward.Error{
			Kind: azward.KindNotFound, Op: "find framework", Subject: name, Cause: "no rule of the profile names it",
			Remedy: "choose one that the posture lists, or a profile that has it in azward.yaml",
		}
	}
	found := all[at]
	d := PostureFrameworkDetail{PostureFramework: found.sum(), List: []PostureItem{}}
	for _, i := range found.Items {
		d.List = append(d.List, PostureItem{
			Item: i.Item, Title: i.Title, Level: i.Level, State: i.State(), Because: i.Because, Rules: append([]string{}, i.Rules...), Counts: found.counts[i.Item],
		})
	}
	return d, nil
}

// PostureAgreement counts how Defender for Cloud's recommendations stand beside
// our answers.
type PostureAgreement struct {
	Agree     int `json:"agree"`
	Disagree  int `json:"disagree"`
	OnlyOurs  int `json:"onlyOurs"`  // Defender says nothing of a resource that ours fails
	OnlyAzure int `json:"onlyAzure"` // no rule of ours asks that
	Open      int `json:"open"`      // one of the two does not know
}

// count adds the recommendations that a rule asks, too; with "" all.
func (a *PostureAgreement) count(d *policy.Defender, rule string) {
	for _, r := range d.Recommendations {
		if rule != "" && !slices.Contains(r.Rules, rule) {
			continue
		}
		switch r.Agreement {
		case azurepolicy.Agree:
			a.Agree++
		case azurepolicy.Disagree:
			a.Disagree++
		case azurepolicy.OnlyOurs:
			a.OnlyOurs++
		case azurepolicy.OnlyAzures:
			a.OnlyAzure++
		case azurepolicy.OursOpen, azurepolicy.AzuresOpen:
			a.Open++
		}
	}
}

// PostureDefender is what Defender for Cloud says beside it.
type PostureDefender struct {
	Agreement PostureAgreement     `json:"agreement"`
	Scores    []policy.SecureScore `json:"scores"`
	Standards []policy.Standard    `json:"standards"`
	// Differs are recommendations that disagree, at most 50.
	Differs []policy.Recommendation `json:"differs"`
	Gaps    []azward.Gap            `json:"gaps"`
}

const maxDiffers = 50

func defenderOf(list []*posture) PostureDefender {
	d := PostureDefender{Scores: []policy.SecureScore{}, Standards: []policy.Standard{}, Differs: []policy.Recommendation{}, Gaps: []azward.Gap{}}
	for _, p := range list {
		d.Agreement.count(p.defender, "")
		d.Scores = append(d.Scores, p.defender.Scores...)
		d.Standards = append(d.Standards, p.defender.Standards...)
		d.Gaps = append(d.Gaps, p.defender.Gaps...)
		for _, r := range p.defender.Recommendations {
			if r.Agreement == azurepolicy.Disagree && len(d.Differs) < maxDiffers {
				d.Differs = append(d.Differs, r)
			}
		}
	}
	return d
}
