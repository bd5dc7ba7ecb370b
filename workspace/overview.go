package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// Bounds of what an overview lists.
const (
	maxUrgent    = 8
	maxChanges   = 8
	maxGapGroups = 20
	maxReads     = 12 // what a group of gaps names
	maxReasons   = 4  // why a stage took something out; the rest is added up
)

// Overview is the state of everything on one page.
type Overview struct {
	Funnel Funnel `json:"funnel"`
	// Urgent are exploitable and conditional, not dismissed, the most urgent
	// first.
	Urgent []store.VerdictRow `json:"urgent"`
	// Changes of the last scan of each source, the most urgent first, and how
	// many there are of each kind.
	Changes     []verdict.Change           `json:"changes"`
	ChangeKinds map[verdict.ChangeKind]int `json:"changeKinds"`
	// Sources are the newest scans that gave verdicts.
	Sources []store.Scan `json:"sources"`
	// Gaps of the newest estates, by what closes them; GapCount counts them one
	// by one.
	Gaps     []GapGroup `json:"gaps"`
	GapCount int        `json:"gapCount"`
}

// Funnel leads from all findings to the few that are exploitable.
type Funnel struct {
	Stages []Stage `json:"stages"` // findings, deployed, reachable, exploitable
	// Unknown counts those of the last stage but one that cannot be told: they
	// are not exploitable, nor are they not.
	Unknown int `json:"unknown"`
}

// Stage is what is left of the findings.
type Stage struct {
	Name    string   `json:"name"`
	Count   int      `json:"count"`
	Removed []Reason `json:"removed"` // why the stage before had more, the most frequent first
}

// Reason is why findings went out of the funnel.
type Reason struct {
	Summary string `json:"summary"`
	Count   int    `json:"count"`
	// Result that these have, to list them by; "" for several.
	Result azward.Result `json:"result,omitempty"`
}

// Names of the stages.
const (
	StageFindings    = "findings"
	StageDeployed    = "deployed"
	StageReachable   = "reachable"
	StageExploitable = "exploitable"
)

var stageNames = [...]string{StageFindings, StageDeployed, StageReachable, StageExploitable}

// GapGroup is what one step closes.
type GapGroup struct {
	Kind   azward.GapKind      `json:"kind"`
	Remedy string              `json:"remedy,omitempty"`
	Error  string              `json:"error,omitempty"` // of the first
	Scopes []azward.ResourceID `json:"scopes"`
	Reads  []string            `json:"reads"`
	Count  int                 `json:"count"`
}

// Overview gives the state of everything.
func (w *Workspace) Overview(ctx context.Context) (Overview, error) {
	o := Overview{Urgent: []store.VerdictRow{}, Gaps: []GapGroup{}}
	var err error
	if o.Sources, err = w.Sources(ctx); err != nil {
		return o, err
	}
	if o.Funnel, err = w.Funnel(ctx); err != nil {
		return o, err
	}
	page, err := w.Verdicts(ctx, VerdictQuery{Filter: store.Filter{Results: []azward.Result{azward.Exploitable, azward.Conditional}}, Size: maxUrgent})
	if err != nil {
		return o, err
	}
	o.Urgent = page.Verdicts
	changed, err := w.lastChanges(ctx)
	if err != nil {
		return o, err
	}
	o.Changes, o.ChangeKinds = slices.Clone(changed.first), maps.Clone(changed.kinds)
	kept, gaps, err := w.Latest(ctx, "")
	if err != nil {
		return o, err
	}
	for _, k := range kept {
		gaps = append(gaps, k.Estate.Gaps()...)
	}
	o.GapCount, o.Gaps = len(gaps), group(gaps)
	return o, nil
}

// changes is what the last scans found otherwise. Nobody changes it.
type changes struct {
	first []verdict.Change // the most urgent of each source
	kinds map[verdict.ChangeKind]int
}

func (w *Workspace) lastChanges(ctx context.Context) (changes, error) {
	s, err := w.state(ctx)
	if err != nil {
		return changes{}, err
	}
	return w.last.get(ctx, "", s.changed, func(ctx context.Context) (changes, error) {
		c := changes{first: []verdict.Change{}, kinds: map[verdict.ChangeKind]int{}}
		for one, err := range w.changes(ctx, s.sources) {
			if err != nil {
				return c, err
			}
			c.kinds[one.Kind]++
			if len(c.first) < maxChanges {
				c.first = append(c.first, one)
			}
		}
		return c, nil
	})
}

// group puts gaps together that one step closes, the largest groups first.
func group(gaps []azward.Gap) []GapGroup {
	groups := []GapGroup{}
	at := map[string]int{}
	for _, g := range gaps {
		key := string(g.Kind) + "\x00" + cmp.Or(g.Remedy, g.Error, g.Needs, g.Reads)
		n, ok := at[key]
		if !ok {
			n = len(groups)
			at[key] = n
			groups = append(groups, GapGroup{Kind: g.Kind, Remedy: g.Remedy, Error: g.Error})
		}
		groups[n].Count++
		if !slices.Contains(groups[n].Scopes, g.Scope) && len(groups[n].Scopes) < maxReads {
			groups[n].Scopes = append(groups[n].Scopes, g.Scope)
		}
		if !slices.Contains(groups[n].Reads, g.Reads) && len(groups[n].Reads) < maxReads {
			groups[n].Reads = append(groups[n].Reads, g.Reads)
		}
	}
	slices.SortStableFunc(groups, func(a, b GapGroup) int { return cmp.Compare(b.Count, a.Count) })
	return groups[:min(len(groups), maxGapGroups)]
}

// Funnel adds up what the newest scan of each source counted when it was saved.
// Where one did not, or is so old that some of its answers have aged, its
// verdicts are counted anew; that is kept until it is scanned or the day is over.
func (w *Workspace) Funnel(ctx context.Context) (Funnel, error) {
	s, err := w.state(ctx)
	if err != nil {
		return Funnel{}, err
	}
	var sum tally
	for _, scan := range s.sources {
		f, err := w.funnelOf(ctx, s, scan)
		if err != nil {
			return Funnel{}, err
		}
		sum.addFunnel(f)
	}
	return sum.funnel(maxReasons), nil
}

// funnelOf is the funnel of one source, with all its reasons.
func (w *Workspace) funnelOf(ctx context.Context, s *state, scan store.Scan) (Funnel, error) {
	key := s.keys[scan.Source]
	// Files may be older than the scan of them.
	if w.stale(scan) || strings.Contains(scan.Source, ":") {
		key += w.now().Format(time.DateOnly)
	} else if saved, ok, err := savedFunnel(scan); err != nil || ok {
		return saved, err
	}
	return w.funnels.get(ctx, scan.Source, key, func(ctx context.Context) (Funnel, error) {
		var t tally
		for v, err := range w.Store.Verdicts(ctx, store.Filter{Source: scan.Source}) {
			if err != nil {
				return Funnel{}, err
			}
			t.add(verdict.Aged(v, w.now()))
		}
		return t.funnel(math.MaxInt - 1), nil
	})
}

// savedFunnel is what a scan counted itself; false where it did not.
func savedFunnel(s store.Scan) (Funnel, bool, error) {
	var counts struct{ Funnel *Funnel }
	if len(s.Counts) == 0 {
		return Funnel{}, false, nil
	}
	if err := json.Unmarshal(s.Counts, &counts); err != nil {
		return Funnel{}, false, fmt.Errorf("read counts of scan %s: %w", s.ID, err)
	}
	if counts.Funnel == nil || len(counts.Funnel.Stages) != len(stageNames) {
		return Funnel{}, false, nil
	}
	return *counts.Funnel, true, nil
}

// FunnelOf counts the verdicts of a scan, for its summary: under "funnel" in
// [store.Scan] Counts.
func FunnelOf(verdicts []azward.Verdict) Funnel {
	var t tally
	for _, v := range verdicts {
		t.add(v)
	}
	return t.funnel(math.MaxInt - 1)
}

// tally counts verdicts into the stages.
type tally struct {
	stages  [len(stageNames)]int
	removed [len(stageNames)]map[Reason]int // without their counts
	unknown int
}

func (t *tally) add(v azward.Verdict) {
	t.stages[0]++
	answer := map[azward.ConditionID]azward.Condition{}
	for _, c := range v.Conditions {
		answer[c.ID] = c
	}
	for _, c := range []azward.ConditionID{azward.Deployed, azward.Affected} {
		if answer[c].Answer == azward.No && v.Exploitable == azward.No {
			t.out(1, whyOut(answer[c]), v.Result)
			return
		}
	}
	t.stages[1]++
	if answer[azward.Reachable].Answer == azward.No && v.Exploitable == azward.No {
		t.out(2, whyOut(answer[azward.Reachable]), v.Result)
		return
	}
	t.stages[2]++
	switch v.Result {
	case azward.Exploitable:
		t.stages[3]++
	case azward.Conditional:
		t.out(3, "exploitable on a condition: a foothold, an account, a user", v.Result)
	case azward.Dormant, azward.NotExploitable:
		t.out(3, "something else that it needs is missing", v.Result)
	default:
		t.unknown++
		t.out(3, "cannot be told yet: a gap hides the answer", azward.Undecided)
	}
}

func (t *tally) out(stage int, why string, result azward.Result) {
	if t.removed[stage] == nil {
		t.removed[stage] = map[Reason]int{}
	}
	t.removed[stage][Reason{Summary: why, Result: result}]++
}

// addFunnel adds what another scan counted.
func (t *tally) addFunnel(f Funnel) {
	t.unknown += f.Unknown
	for i, stage := range f.Stages {
		t.stages[i] += stage.Count
		for _, r := range stage.Removed {
			n := r.Count
			r.Count = 0
			if t.removed[i] == nil {
				t.removed[i] = map[Reason]int{}
			}
			t.removed[i][r] += n
		}
	}
}

// funnel has so many reasons at each stage; the others are added up.
func (t *tally) funnel(most int) Funnel {
	f := Funnel{Unknown: t.unknown}
	for i, name := range stageNames {
		stage := Stage{Name: name, Count: t.stages[i], Removed: []Reason{}}
		for r, n := range t.removed[i] {
			r.Count = n
			stage.Removed = append(stage.Removed, r)
		}
		slices.SortFunc(stage.Removed, func(a, b Reason) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Summary, b.Summary), strings.Compare(string(a.Result), string(b.Result)))
		})
		if len(stage.Removed) > most+1 {
			rest := Reason{Summary: "other reasons"}
			for _, r := range stage.Removed[most:] {
				rest.Count += r.Count
			}
			stage.Removed = append(stage.Removed[:most], rest)
		}
		f.Stages = append(f.Stages, stage)
	}
	return f
}

// reasons are what conditions' sentences say, in words without names; the first
// that fits counts.
var reasons = []struct{ says, reason string }{
	{"network policy", "a network policy keeps it out"},
	{"network policies", "a network policy keeps it out"},
	{"no public", "no public way in leads to it"},
	{"public network access", "public network access is switched off"},
	{"no ingress", "the app takes no traffic from outside"},
	{"is internal", "the app takes no traffic from outside"},
	{"is private", "its front is private"},
	{"security group", "a network security group keeps it out"},
	{"firewall", "a firewall keeps it out"},
	{"no route", "no route leads to it"},
	{"route table", "no route leads to it"},
	{"no address", "it has no public address"},
	{"access restriction", "access restrictions keep it out"},
	{"ip rule", "address rules keep it out"},
}

// whyOut says in words without names why a condition does not hold.
func whyOut(c azward.Condition) string {
	says := strings.ToLower(c.Summary)
	switch {
	case c.ID == azward.Affected:
		return "the version is not affected, or its supplier denies it"
	case c.ID == azward.Deployed && strings.Contains(says, "does not run"):
		return "the workload does not run"
	case c.ID == azward.Deployed:
		return "the image is not what runs"
	}
	for _, r := range reasons {
		if strings.Contains(says, r.says) {
			return r.reason
		}
	}
	return "a setting keeps it out"
}
