package web

import (
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/verdict"
	"github.com/azward/azward/workspace"
)

type overviewPage struct {
	workspace.Overview
	Stages      []stageView
	Logarithmic bool // the heights of the stages
	ChangeKinds []changeCount
	Advisories  *workspace.Advisories
	NoIndex     *problem // why there are none
	Images      int      // that the scans read, and packages in them
	Packages    int

	Misconfigured postureBrief
}

// stageView is a stage of the funnel as it is drawn.
type stageView struct {
	workspace.Stage
	Title, Says, Link string
	Shape             template.HTML
}

type changeCount struct {
	Kind  verdict.ChangeKind
	Count int
}

func (s *Site) overview(w http.ResponseWriter, r *http.Request) error {
	found, err := s.o.Workspace.Overview(r.Context())
	if err != nil {
		return err
	}
	view := overviewPage{Overview: found}
	view.Stages, view.Logarithmic = stages(found.Funnel)
	if known, err := s.o.Workspace.Advisories(r.Context()); err == nil {
		view.Advisories = &known
	} else {
		p := problemOf(err)
		view.NoIndex = &p
	}
	for _, source := range found.Sources {
		var counts struct{ Images, Packages int }
		if len(source.Counts) > 0 {
			if err := json.Unmarshal(source.Counts, &counts); err != nil {
				return fmt.Errorf("read counts of scan %s: %w", source.ID, err)
			}
		}
		view.Images, view.Packages = view.Images+counts.Images, view.Packages+counts.Packages
	}
	for _, kind := range verdict.ChangeKinds() {
		if n := found.ChangeKinds[kind]; n > 0 {
			view.ChangeKinds = append(view.ChangeKinds, changeCount{kind, n})
		}
	}
	if view.Misconfigured, err = s.urgentPosture(r); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "overview", page{Title: "Overview", Section: "overview", Data: view})
}

// leastShare is how small a share of the first stage can be drawn as it is.
const leastShare = 0.05

// stages makes the funnel ready to draw. Heights are on a logarithmic scale
// where a stage keeps so few that any other would show one stage alone.
func stages(f workspace.Funnel) (list []stageView, logarithmic bool) {
	words := map[string][3]string{
		workspace.StageFindings:    {"Findings", "vulnerabilities in the images of workloads", "/verdicts?dismissed=with"},
		workspace.StageDeployed:    {"Deployed", "the image runs, and the version is affected", "/verdicts?dismissed=with"},
		workspace.StageReachable:   {"Reachable", "an attacker can send it packets, or it is not known", "/verdicts?result=exploitable&result=conditional&result=unknown&result=dormant&dismissed=with"},
		workspace.StageExploitable: {"Exploitable", "all conditions hold, each with its proof", "/verdicts?result=exploitable&dismissed=with"},
	}
	for _, stage := range f.Stages {
		logarithmic = logarithmic || stage.Count > 0 && float64(stage.Count) < leastShare*float64(f.Stages[0].Count)
	}
	height := func(i int) float64 {
		if i >= len(f.Stages) || f.Stages[i].Count == 0 {
			return 0
		}
		if !logarithmic {
			return float64(f.Stages[i].Count) / float64(f.Stages[0].Count)
		}
		return math.Log1p(float64(f.Stages[i].Count)) / math.Log1p(float64(f.Stages[0].Count))
	}
	for i, stage := range f.Stages {
		word := words[stage.Name]
		next := height(i + 1)
		if i == len(f.Stages)-1 {
			next = height(i)
		}
		list = append(list, stageView{Stage: stage, Title: word[0], Says: word[1], Link: word[2], Shape: shape(height(i), next, i == len(f.Stages)-1)})
	}
	return list, logarithmic
}

// shape draws one stage: as high as it is at its left, as the next at its right.
func shape(left, right float64, last bool) template.HTML {
	const width, height, least = 100.0, 100.0, 2.0
	side := func(share float64) (top, bottom float64) {
		half := max(share*height, least) / 2
		return height/2 - half, height/2 + half
	}
	topLeft, bottomLeft := side(left)
	topRight, bottomRight := side(right)
	class := "flow"
	if last {
		class = "last"
	}
	// Both ends are level, so that stages meet without a corner.
	const bend = 60.0
	return template.HTML(fmt.Sprintf( //nolint:gosec // numbers and constants alone
		`<svg class="shape" viewBox="0 0 %.0f %.0f" preserveAspectRatio="none" aria-hidden="true"><path class="%s" d="M0 %.1fC%.0f %.1f %.0f %.1f %.0f %.1fV%.1fC%.0f %.1f %.0f %.1f 0 %.1fz"/></svg>`,
		width, height, class, topLeft, bend, topLeft, width-bend+20, topRight, width, topRight,
		bottomRight, width-bend+20, bottomRight, bend, bottomLeft, bottomLeft))
}

// changeWord says what became of a verdict.
func changeWord(c verdict.Change) string {
	switch {
	case c.Gone:
		return "gone"
	case c.Kind == verdict.New:
		return "new"
	}
	return string(c.Kind)
}

// becameFrom is the result before, in words.
func becameFrom(r azward.Result) string {
	if r == "" {
		return "not there"
	}
	return resultWord(r)
}
