package web

import (
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/workspace"
)

// postureBrief is what a page about something else shows of the posture.
type postureBrief struct {
	Wait bool // it is not evaluated yet
	List []postureRow
	More string // URL of all of them
	Past bool   // there are more than are shown
}

// Results that pages about something else show.
const (
	urgentShown  = 5
	rulesOfShown = 8
)

func briefOf(b workspace.PostureBrief, more string) postureBrief {
	out := postureBrief{Wait: !b.Ready, More: more, Past: b.More}
	for _, r := range b.Results {
		out.List = append(out.List, postureRowOf(r))
	}
	return out
}

// rulesOf tells which rules a resource does not meet.
func (s *Site) rulesOf(r *http.Request, id azward.ResourceID, v *resourcePage) error {
	found, err := s.o.Workspace.PostureOf(r.Context(), id, rulesOfShown)
	v.Posture = briefOf(found, resultsURL(postureFilters{Resource: string(id)}))
	return err
}

// urgentPosture is what the overview shows.
func (s *Site) urgentPosture(r *http.Request) (postureBrief, error) {
	found, err := s.o.Workspace.UrgentPosture(r.Context(), urgentShown)
	return briefOf(found, resultsURL(postureFilters{Results: []string{workspace.PostureFail}, Exposed: true})), err
}
