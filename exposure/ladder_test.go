package exposure

import (
	"encoding/json"
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

// TestLadder runs the case files that have a section
//
//	-- ladder -- the answer for each source class; `-update` writes it
func TestLadder(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(archive.Files, func(f txtar.File) bool { return f.Name == "ladder" }) {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			c := readCase(t, archive)
			e := c.estate(t, nil)
			rungs, x := ladderOf(t, e, idOf(c.question))
			var b strings.Builder
			for _, r := range rungs {
				fmt.Fprintf(&b, "%s %s: %s\n", r.Class, r.Answer, r.Summary)
				if r.Answer == azward.Unknown && len(r.Gaps) == 0 {
					t.Errorf("%s is unknown without a gap", r.Class)
				}
				if r.Answer == azward.No && len(r.Evidence) == 0 {
					t.Errorf("%s is no without evidence", r.Class)
				}
			}
			checkOrder(t, x, rungs)
			got := shorten(b.String())
			if *update {
				section(archive, "ladder").Data = []byte(got)
				if err := errors.Join(os.WriteFile(file+".new", txtar.Format(archive), 0o600), os.Rename(file+".new", file)); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(section(archive, "ladder").Data), got); diff != "" {
				t.Errorf("ladder (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLadderLessIsNeverMore takes one fact after another away from the cases
// with a ladder: no rung becomes a No that was none before.
func TestLadderLessIsNeverMore(t *testing.T) {
	files, err := filepath.Glob("testdata/ladder_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		if i%everyNth != 0 {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := readCase(t, archive)
			id := idOf(c.question)
			world, tracker := c.estate(t, nil).Tracked()
			before, _ := ladderOf(t, world, id)
			touched := tracker.Slice().Listings() // what was not looked up decides nothing
			compare := func(without string, drop func(kind string, i int) bool) {
				e := c.estate(t, drop)
				if _, ok := e.Resource(id); !ok {
					return // the workload itself is gone
				}
				after, _ := ladderOf(t, e, id)
				for i := range after {
					if after[i].Answer == azward.No && before[i].Answer != azward.No {
						t.Errorf("without %s: %s is no, before %s: %s", without, after[i].Class, before[i].Answer, after[i].Summary)
					}
				}
			}
			for i, listing := range listed {
				if !slices.ContainsFunc(touched, func(l estate.Listing) bool { return strings.EqualFold(l.Type, listing) }) {
					continue
				}
				compare("the listing of "+listing, func(kind string, j int) bool { return kind == "listing" && i == j })
			}
			for i, body := range c.arm {
				var head struct{ Type string }
				if err := json.Unmarshal(body, &head); err != nil {
					t.Fatal(err)
				}
				compare(fmt.Sprintf("%.160s", body), func(kind string, j int) bool {
					return kind == "arm" && i == j || kind == "listing" && strings.HasPrefix(strings.ToLower(head.Type), strings.ToLower(listed[j]))
				})
			}
		})
	}
}

// ladderOf asks a workload, or the endpoint of a data service.
func ladderOf(t *testing.T, e *estate.Estate, id azward.ResourceID) ([]Rung, Exposure) {
	t.Helper()
	if w, ok := e.Workload(id); ok {
		return Ladder(e, w), Reach(e, w)
	}
	r, ok := e.Resource(id)
	if !ok {
		t.Fatalf("%s is not there", id)
	}
	return EndpointLadder(e, r), PublicEndpoint(e, r)
}

// checkOrder: the farthest class that is yes is the answer's own, and what any
// address reaches every class on the internet does.
func checkOrder(t *testing.T, x Exposure, rungs []Rung) {
	t.Helper()
	public := rungs[:slices.IndexFunc(rungs, func(r Rung) bool { return r.Class == PartnerPrivate })]
	first := slices.IndexFunc(public, func(r Rung) bool { return r.Answer == azward.Yes })
	switch {
	case (first >= 0) != (x.Answer == azward.Yes):
		t.Errorf("the ladder and the answer (%s) differ", x.Answer)
	case first >= 0 && public[first].Class != x.Class:
		t.Errorf("the first class that is let in is %s, of the answer %s", public[first].Class, x.Class)
	}
	for _, r := range public {
		if public[0].Answer == azward.Yes && r.Answer != azward.Yes {
			t.Errorf("%s is %s though any address is let in", r.Class, r.Answer)
		}
	}
}
