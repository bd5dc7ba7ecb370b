package verdict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/verdict"
)

// unrecognised is what a property says that nobody can read.
const unrecognised = "Unrecognised"

// TestScenariosWithLess takes one fact after another away from every scenario:
// each listing, each object with the listings of its kind, the image, and each
// cited property, whose value becomes one that no documentation knows. No
// verdict becomes more certain by that or turns into its opposite, and each
// proof that cited the fact becomes another.
func TestScenariosWithLess(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if !s.found {
				return
			}
			before := s.decided(t, s.estate(t, nil))
			s.withoutListings(t, before)
			s.withoutObjects(t, before)
			s.withoutImage(t, before)
			s.withUnreadableValues(t, before)
			s.withUnreadableObjects(t, before)
		})
	}
}

// decision is a verdict with its proof, which is written when it is asked for.
type decision struct {
	azward.Verdict
	proof func() verdict.Proof
}

func (s scenario) decided(t *testing.T, e *estate.Estate) decision {
	t.Helper()
	d := &verdict.Decider{Estate: e, At: decidedAt}
	return decision{d.Decide(s.subject), sync.OnceValue(func() verdict.Proof {
		p, err := d.Proof(s.subject)
		if err != nil {
			t.Error(err)
		}
		return p
	})}
}

// cites finds the evidence that is about something.
func (d decision) cites(about func(azward.Evidence) bool) bool {
	return slices.ContainsFunc(d.Conditions, func(c azward.Condition) bool { return slices.ContainsFunc(c.Evidence, about) })
}

// weaker wants a verdict that claims no more than the one before: an answer may
// become unknown, and a result more urgent (a sign-in that was not read is none).
func (d decision) weaker(t *testing.T, before decision, what string) {
	t.Helper()
	if d.Exploitable != azward.Unknown && d.Exploitable != before.Exploitable {
		t.Errorf("%s: %s, before %s: %s", what, d.Exploitable, before.Exploitable, d.Summary)
	}
	if d.Exploitable == before.Exploitable && d.Result.Rank() > before.Result.Rank() {
		t.Errorf("%s: %s, before %s: %s", what, d.Result, before.Result, d.Summary)
	}
	if d.Exploitable == azward.Unknown && len(d.Gaps) == 0 {
		t.Errorf("%s: unknown, and nothing is said to be missing", what)
	}
}

func (d decision) differs(t *testing.T, before decision, what string) {
	t.Helper()
	if d.proof().SHA256 == before.proof().SHA256 {
		t.Errorf("%s: the proof cited it, and stays the same", what)
	}
}

func (s scenario) withoutListings(t *testing.T, before decision) {
	t.Helper()
	for i, listing := range listedTypes {
		if !before.looked(fmt.Sprintf("%q", listing)) {
			continue
		}
		after := s.decided(t, s.estate(t, func(kind string, j int) bool { return kind == "listing" && i == j }))
		what := "without the listing of " + listing
		after.weaker(t, before, what)
		if before.cites(func(e azward.Evidence) bool {
			return e.Source == azward.SourceListing && bytes.Contains(e.Value, []byte(`"`+listing+`"`))
		}) {
			after.differs(t, before, what)
		}
	}
}

// looked reports whether the decision looked at what contains a text.
func (d decision) looked(at string) bool {
	return slices.ContainsFunc(d.proof().Estate, func(line json.RawMessage) bool {
		return strings.Contains(strings.ToLower(string(line)), strings.ToLower(at))
	})
}

func (s scenario) withoutObjects(t *testing.T, before decision) {
	t.Helper()
	for _, of := range []struct {
		kind   string
		bodies []json.RawMessage
	}{{"arm", s.arm}, {"kubernetes", s.kubernetes}} {
		for i, body := range of.bodies {
			_, _, listing := nameOf(t, body)
			id := idOf(t, body)
			after := s.decided(t, s.estate(t, func(kind string, j int) bool {
				return kind == of.kind && i == j || kind == "listing" && strings.HasPrefix(strings.ToLower(listing), strings.ToLower(listedTypes[j]))
			}))
			what := "without " + abbreviated(string(id))
			after.weaker(t, before, what)
			about := func(e azward.Evidence) bool { return e.Resource.Equal(id) && e.SHA256 != "" }
			if before.cites(about) {
				after.differs(t, before, what)
			}
			if after.cites(about) {
				t.Errorf("%s: the proof cites it still", what)
			}
		}
	}
}

// idOf is where an estate holds an object.
func idOf(t *testing.T, body json.RawMessage) azward.ResourceID {
	t.Helper()
	_, id, _ := nameOf(t, body)
	if id != "" {
		return azward.ResourceID(id)
	}
	var head struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
	}
	if err := json.Unmarshal(body, &head); err != nil {
		t.Fatal(err)
	}
	group, version, grouped := strings.Cut(head.APIVersion, "/")
	if !grouped {
		group, version = "", head.APIVersion
	}
	return azward.ResourceID(scenarioCluster).Kubernetes(group, version, head.Metadata.Namespace, estate.PluralOf(head.Kind), head.Metadata.Name)
}

func (s scenario) withoutImage(t *testing.T, before decision) {
	t.Helper()
	lacking := s
	lacking.image.Digest = ""
	after := lacking.decided(t, lacking.estate(t, nil))
	after.weaker(t, before, "without the image")
	after.differs(t, before, "without the image")
}

// otherWorld are properties whose values are names: another name is another
// world, and not one that cannot be read.
var otherWorld = regexp.MustCompile(`(?i)/(id|name|targetPort|uid|image|host|hostName|fqdn|path|kind|namespace|ingressClassName|value|ip|port|container|linuxFxVersion)$|labels|selector|/metadata|hostnames|backend$|parentRefs|Address(es|Prefix|Prefixes)?$|Range$|Id$|^$`)

// withUnreadableValues replaces what the evidence cites, one property at a time.
func (s scenario) withUnreadableValues(t *testing.T, before decision) {
	t.Helper()
	seen := map[string]bool{}
	for _, c := range before.Conditions {
		for _, e := range c.Evidence {
			for _, pointer := range pointersIn(e) {
				at := string(e.Resource.Key()) + " " + pointer
				if e.SHA256 == "" || otherWorld.MatchString(pointer) || seen[at] {
					continue
				}
				seen[at] = true
				changed, ok := s.unreadable(t, e.Resource, pointer)
				if !ok {
					continue
				}
				after := changed.decided(t, changed.estate(t, nil))
				what := fmt.Sprintf("%s of %s unreadable", pointer, abbreviated(string(e.Resource)))
				after.weaker(t, before, what)
				after.differs(t, before, what)
			}
		}
	}
}

// withUnreadableObjects gives each object that was looked at a shape that no
// documentation knows.
func (s scenario) withUnreadableObjects(t *testing.T, before decision) {
	t.Helper()
	for _, body := range slices.Concat(s.arm, s.kubernetes) {
		id := idOf(t, body)
		if !before.looked(string(id)) && !before.looked(fmt.Sprintf(`"name":%q`, id.Name())) {
			continue
		}
		for _, pointer := range []string{"/properties", "/spec", "/status"} {
			changed, ok := s.unreadable(t, id, pointer)
			if !ok {
				continue
			}
			after := changed.decided(t, changed.estate(t, nil))
			after.weaker(t, before, fmt.Sprintf("%s of %s unreadable", pointer, abbreviated(string(id))))
		}
	}
}

// pointersIn names the cited property, and those right below it.
func pointersIn(e azward.Evidence) []string {
	pointers := []string{e.Property}
	var object map[string]json.RawMessage
	if json.Unmarshal(e.Value, &object) == nil {
		for key := range object {
			pointers = append(pointers, e.Property+"/"+key)
		}
	}
	slices.Sort(pointers)
	return pointers
}

// unreadable is the scenario with one value that nobody knows.
func (s scenario) unreadable(t *testing.T, id azward.ResourceID, pointer string) (scenario, bool) {
	t.Helper()
	for _, bodies := range []*[]json.RawMessage{&s.arm, &s.kubernetes} {
		at := slices.IndexFunc(*bodies, func(b json.RawMessage) bool { return idOf(t, b).Equal(id) })
		if at < 0 {
			continue
		}
		var document any
		if err := json.Unmarshal((*bodies)[at], &document); err != nil {
			t.Fatal(err)
		}
		if !replace(document, strings.Split(strings.TrimPrefix(pointer, "/"), "/")) {
			return s, false
		}
		*bodies = slices.Clone(*bodies)
		(*bodies)[at] = azward.JSONValue(document)
		return s, true
	}
	return s, false
}

// replace sets what a pointer's tokens lead to; false when nothing is there.
func replace(in any, tokens []string) bool {
	token := strings.ReplaceAll(strings.ReplaceAll(tokens[0], "~1", "/"), "~0", "~")
	var child any
	var set func(any)
	switch v := in.(type) {
	case map[string]any:
		held, ok := v[token]
		if !ok || held == nil {
			return false
		}
		child, set = held, func(x any) { v[token] = x }
	case []any:
		var i int
		if _, err := fmt.Sscan(token, &i); err != nil || i < 0 || i >= len(v) {
			return false
		}
		child, set = v[i], func(x any) { v[i] = x }
	default:
		return false
	}
	if len(tokens) > 1 {
		return replace(child, tokens[1:])
	}
	set(unrecognised)
	return true
}
