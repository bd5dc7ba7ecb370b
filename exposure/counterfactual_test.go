package exposure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// TestCounterfactuals runs the case files that have a section
//
//	-- counterfactuals -- the settings that would change the answer; `-update` writes it
//
// and asks again for each of them, with the settings changed.
func TestCounterfactuals(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == "counterfactuals" }) {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := readCase(t, archive)
			e := c.estate(t, nil)
			list, ask := counterfactualsOf(t, e, idOf(c.question))
			for _, x := range list {
				confirm(t, e, ask, x)
			}
			got := renderCounterfactuals(list)
			if *update {
				section(archive, "counterfactuals").Data = []byte(got)
				if err := errors.Join(os.WriteFile(file+".new", txtar.Format(archive), 0o600), os.Rename(file+".new", file)); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(section(archive, "counterfactuals").Data), got); diff != "" {
				t.Errorf("counterfactuals (-want +got):\n%s", diff)
			}
		})
	}
}

// counterfactualsOf asks for a workload, or for a data service, and says how
// the question is asked of another estate.
func counterfactualsOf(t *testing.T, e *estate.Estate, id azward.ResourceID) ([]Counterfactual, func(*estate.Estate) azward.Answer) {
	t.Helper()
	if w, ok := e.Workload(id); ok {
		list, err := Counterfactuals(e, w)
		if err != nil {
			t.Fatal(err)
		}
		return list, func(e *estate.Estate) azward.Answer {
			w, ok := e.Workload(id)
			if !ok {
				t.Fatal("the workload is gone")
			}
			return Reach(e, w).Answer
		}
	}
	r, ok := e.Resource(id)
	if !ok {
		t.Fatal("the service is not there")
	}
	list, err := EndpointCounterfactuals(e, r)
	if err != nil {
		t.Fatal(err)
	}
	return list, func(e *estate.Estate) azward.Answer {
		r, ok := e.Resource(id)
		if !ok {
			t.Fatal("the service is gone")
		}
		return PublicEndpoint(e, r).Answer
	}
}

// confirm changes the settings and asks again; with one of several left out
// the goal must not be met.
func confirm(t *testing.T, e *estate.Estate, answer func(*estate.Estate) azward.Answer, x Counterfactual) {
	t.Helper()
	ask := func(settings []Setting) azward.Answer {
		edits := []estate.Edit{}
		for _, s := range settings {
			edits = append(edits, estate.Edit{Resource: s.Resource, Property: s.Property, Value: s.Becomes})
		}
		changed, err := e.With(edits...)
		if err != nil {
			t.Fatal(err)
		}
		return answer(changed)
	}
	if got := ask(x.Settings); got != x.Goal {
		t.Errorf("%s: with the settings changed the answer is %s", x.Then, got)
	}
	for i := range x.Settings {
		if len(x.Settings) > 1 && ask(slices.Delete(slices.Clone(x.Settings), i, i+1)) == x.Goal {
			t.Errorf("setting %d (%s) is not needed", i, x.Settings[i].Summary)
		}
	}
}

func renderCounterfactuals(list []Counterfactual) string {
	var b strings.Builder
	for _, x := range list {
		fmt.Fprintf(&b, "%s, then %s\n", map[azward.Answer]string{azward.Yes: "open", azward.No: "close"}[x.Goal], x.Then)
		for _, s := range x.Settings {
			fmt.Fprintf(&b, "  %s\n      %s %s: %s -> %s\n", s.Summary, s.Resource, s.Property, orNothing(s.Was), orNothing(s.Becomes))
		}
	}
	return shorten(b.String())
}

func orNothing(raw []byte) string {
	const shown = 80 // characters; enough to see what it is
	if len(raw) == 0 {
		return "nothing"
	}
	if len(raw) > shown {
		return string(raw[:shown]) + "…"
	}
	return string(raw)
}
