package estate_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// lookup asks one question of an estate and gives the answer as text.
type lookup struct {
	name string
	ask  func(*estate.Estate) string
}

func ids(list []*estate.Resource) string {
	var out []string
	for _, r := range list {
		out = append(out, string(r.ID)+" "+r.SHA256())
	}
	return strings.Join(out, "\n")
}

func (w *world) lookup() lookup {
	id := azward.ResourceID(w.spelt(string(w.ids[w.IntN(len(w.ids))])))
	types := []string{
		"Microsoft.Network/loadBalancers", "Microsoft.Network/networkInterfaces",
		"Microsoft.Network/virtualNetworks/subnets", "pods", "Microsoft.Resources/subscriptions",
	}
	t := types[w.IntN(len(types))]
	absence := func(scope azward.ResourceID, types ...string) func(*estate.Estate) string {
		return func(e *estate.Estate) string {
			proof, missing := e.Absence(scope, types...)
			return string(azward.JSONValue(proof)) + string(azward.JSONValue(missing))
		}
	}
	switch w.IntN(14) {
	case 0:
		return lookup{"resource " + string(id), func(e *estate.Estate) string {
			r, ok := e.Resource(id)
			if !ok {
				return "none"
			}
			return ids([]*estate.Resource{r})
		}}
	case 1:
		return lookup{"type " + t, func(e *estate.Estate) string { return ids(e.OfType(t)) }}
	case 2:
		return lookup{"referrers " + string(id), func(e *estate.Estate) string { return ids(e.Referrers(id)) }}
	case 3:
		return lookup{"children " + string(id), func(e *estate.Estate) string { return ids(e.Children(id, types[2])) }}
	case 4:
		cluster, _ := id.SplitKubernetes()
		return lookup{"pods " + string(cluster), func(e *estate.Estate) string { return ids(e.Objects(cluster, "Pod", "shop")) }}
	case 5, 6:
		return lookup{"absence of " + t + " in " + string(id), absence(id, t)}
	case 7:
		return lookup{"absence of " + t, absence("", t, types[0])}
	case 8:
		scope := azward.ResourceID(w.sub())
		return lookup{"absence in " + string(scope), absence(scope, t)}
	case 9:
		return lookup{"gaps at " + string(id), func(e *estate.Estate) string { return string(azward.JSONValue(e.GapsAt(id))) }}
	case 10, 11:
		return lookup{"workload " + string(id), func(e *estate.Estate) string {
			w, ok := e.Workload(id)
			return fmt.Sprint(ok) + describe([]estate.Workload{w})
		}}
	case 12:
		image := []string{"shop/cart:0", "docker.io/shop/cart:1", fmt.Sprintf("sha256:%064d", w.IntN(2))}[w.IntN(3)]
		return lookup{"workloads of " + image, func(e *estate.Estate) string {
			_, ok := e.Image(azward.Digest(image))
			return fmt.Sprint(ok) + describe(e.WorkloadsOf(image))
		}}
	default:
		address := netip.MustParseAddr([]string{"10.0.0.1", "10.1.0.1", "10.1.0.9"}[w.IntN(3)])
		return lookup{"address", func(e *estate.Estate) string { return ids(e.WithAddress(address)) }}
	}
}

// What was looked up through a tracker is all that the same lookups need, also
// after the slice went through a file.
func TestSliceReplaysItsLookups(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		w := newWorld(seed)
		e := mustRead(t, "world", w.file(), estate.ReadOptions{})
		tracked, tracker := e.Tracked()
		var asked []lookup
		var want []string
		for range 1 + w.IntN(6) {
			l := w.lookup()
			asked, want = append(asked, l), append(want, l.ask(tracked))
		}
		slice := tracker.Slice()
		reread := mustRead(t, "slice", written(t, slice), estate.ReadOptions{})
		for i, l := range asked {
			if got := l.ask(e); got != want[i] {
				t.Fatalf("seed %d: %s: tracking changes the answer:\n%s", seed, l.name, cmp.Diff(want[i], got))
			}
			if got := l.ask(slice); got != want[i] {
				t.Fatalf("seed %d: %s on the slice:\n%s", seed, l.name, cmp.Diff(want[i], got))
			}
			if got := l.ask(reread); got != want[i] {
				t.Fatalf("seed %d: %s on the slice read again:\n%s", seed, l.name, cmp.Diff(want[i], got))
			}
		}
		if slice.Len() > e.Len() {
			t.Fatalf("seed %d: the slice is larger than the whole", seed)
		}
	}
}

func TestWriteAndReadGiveTheSameEstate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		w := newWorld(seed)
		file := w.file()
		e := mustRead(t, "world", file, estate.ReadOptions{})
		bytes := written(t, e)
		again := mustRead(t, "again", bytes, estate.ReadOptions{})
		if diff := cmp.Diff(bytes, written(t, again)); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		if d := estate.Diff(e, again); !d.Empty() {
			t.Fatalf("seed %d: %+v", seed, d)
		}
		if diff := cmp.Diff(e.Gaps(), again.Gaps()); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
		if diff := cmp.Diff(describe(e.Workloads()), describe(again.Workloads())); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
	}
}

// Diff is empty on itself whatever the order of keys, and mirrors when its
// sides are swapped; taking one world apart and adding it gives all of it.
func TestDiffProperties(t *testing.T) {
	t.Parallel()
	names := func(list []*estate.Resource) (out []string) {
		for _, r := range list {
			out = append(out, string(r.ID.Key()))
		}
		return out
	}
	for seed := range uint64(100) {
		a := mustRead(t, "a", newWorld(seed).file(), estate.ReadOptions{})
		b := mustRead(t, "b", newWorld(seed/2).file(), estate.ReadOptions{})
		forth, back := estate.Diff(a, b), estate.Diff(b, a)
		if diff := cmp.Diff(names(forth.Added), names(back.Removed)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if len(forth.Changed) != len(back.Changed) || len(forth.ListingsAdded) != len(back.ListingsRemoved) || len(forth.GapsAdded) != len(back.GapsRemoved) {
			t.Fatalf("seed %d: not mirrored", seed)
		}
		for i, c := range forth.Changed {
			if !slices.Equal(c.Pointers, back.Changed[i].Pointers) {
				t.Fatalf("seed %d: pointers %v and %v", seed, c.Pointers, back.Changed[i].Pointers)
			}
			for _, p := range c.Pointers {
				x, okX := c.Before.At(p)
				y, okY := c.After.At(p)
				if !okX && !okY || string(x) == string(y) {
					t.Fatalf("seed %d: %s of %s is the same on both sides", seed, p, c.Before.ID)
				}
			}
		}
		if got := a.Len() - len(forth.Removed) + len(forth.Added); forth.ListingsAdded == nil && got < 0 {
			t.Fatalf("seed %d: counts", seed)
		}
		if kept := a.Len() - (len(forth.Removed) - imagesIn(forth.Removed)); kept != b.Len()-(len(forth.Added)-imagesIn(forth.Added)) {
			t.Fatalf("seed %d: %d kept of one side, not of the other", seed, kept)
		}
	}
}

func imagesIn(list []*estate.Resource) (n int) {
	for _, r := range list {
		if strings.HasPrefix(string(r.ID), "sha256:") {
			n++
		}
	}
	return n
}

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	body := func(properties string) string {
		return `{"source":"arm","body":{"properties":` + properties + `,"id":"` + nsgID + `"}}`
	}
	other := func(properties string) string {
		return `{"source":"arm","body":{"id":"` + strings.ToUpper(nsgID) + `","properties":` + properties + `}}`
	}
	for _, tc := range []struct {
		name, before, after string
		want                []string
	}{
		{"key_order", `{"a":1,"b":{"c":2,"d":[1]}}`, `{"b":{"d":[1],"c":2},"a":1}`, []string{"/id"}},
		{"escapes", `{"a":"\u0041","b\/c":1}`, `{"b/c":1,"a":"A"}`, []string{"/id"}},
		{"value", `{"a":{"b~/c":1}}`, `{"a":{"b~/c":2}}`, []string{"/id", "/properties/a/b~0~1c"}},
		{"added_and_removed", `{"a":1,"l":[1,2]}`, `{"b":1,"l":[1,2,3]}`, []string{"/id", "/properties/a", "/properties/b", "/properties/l/2"}},
		{"kind_of_value", `{"a":{"x":1}}`, `{"a":[1]}`, []string{"/id", "/properties/a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := estate.Diff(mustRead(t, "a", body(tc.before), estate.ReadOptions{}), mustRead(t, "b", other(tc.after), estate.ReadOptions{}))
			if len(d.Added)+len(d.Removed) != 0 || len(d.Changed) != 1 {
				t.Fatalf("%+v", d)
			}
			if diff := cmp.Diff(tc.want, d.Changed[0].Pointers); diff != "" {
				t.Error(diff)
			}
		})
	}
	many := func(v int) string {
		list := make([]int, 100)
		for i := range list {
			list[i] = i * v
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return body(`{"l":` + string(text) + `}`)
	}
	d := estate.Diff(mustRead(t, "a", many(1), estate.ReadOptions{}), mustRead(t, "b", many(2), estate.ReadOptions{}))
	if c := d.Changed[0]; len(c.Pointers)+c.More != 99 || c.More == 0 {
		t.Errorf("%d pointers and %d more, want 99 together", len(c.Pointers), c.More)
	}
}

// The meaning of an absence, case by case.
func TestAbsence(t *testing.T) {
	t.Parallel()
	const lb = "Microsoft.Network/loadBalancers"
	vnet := subscription + "/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v"
	list := func(scope, resourceType, status string) string {
		return fmt.Sprintf(`{"source":"listing","scope":%q,"type":%q,"status":%q}`, scope, resourceType, status)
	}
	gap := func(scope, reads, kind string) string {
		return fmt.Sprintf(`{"source":"gap","scope":%q,"reads":%q,"kind":%q}`, scope, reads, kind)
	}
	namespace := testCluster.Kubernetes("", "v1", "", "namespaces", "shop")
	for _, tc := range []struct {
		name   string
		lines  []string
		scope  azward.ResourceID
		of     string
		proven bool
		source azward.Source // of the proof
	}{
		{"nothing_was_listed", nil, subscription, lb, false, ""},
		{"listed_whole", []string{list(subscription, lb, "complete")}, subscription, lb, true, azward.SourceListing},
		{"in_any_case", []string{list(strings.ToUpper(subscription), strings.ToLower(lb), "complete")}, subscription, lb, true, azward.SourceListing},
		{"listed_in_part", []string{list(subscription, lb, "partial")}, subscription, lb, false, ""},
		{"wider_listing", []string{list(subscription, lb, "complete")}, azward.ResourceID(vnet), lb, true, azward.SourceListing},
		{"narrower_listing", []string{list(vnet, lb, "complete")}, subscription, lb, false, ""},
		{"other_type", []string{list(subscription, lb, "complete")}, subscription, lb + "/x", false, ""},
		{"other_subscription", []string{list("/subscriptions/2", lb, "complete")}, subscription, lb, false, ""},
		{"whole_tenant_needs_its_subscriptions", []string{list(subscription, lb, "complete")}, "", lb, false, ""},
		{"whole_tenant", []string{list("/", "Microsoft.Resources/subscriptions", "complete"), list(subscription, lb, "complete")}, "", lb, true, azward.SourceListing},
		{"declared", []string{list("/", "*", "declared")}, "", lb, true, azward.SourceUser},
		{"read_outweighs_declared", []string{list("/", "*", "declared"), list(subscription, lb, "complete")}, subscription, lb, true, azward.SourceListing},
		{"declared_for_arm_says_nothing_of_a_cluster", []string{list("/", "*", "declared")}, testCluster, "pods", false, ""},
		{"declared_for_a_cluster", []string{list(string(testCluster), "*", "declared")}, namespace, "pods", true, azward.SourceUser},
		{"declared_yields_to_a_denied_read", []string{list("/", "*", "declared"), gap(subscription, lb, "denied")}, subscription, lb, false, ""},
		{"one_object_was_not_understood", []string{list(subscription, lb, "complete"), gap("/", lb, "unparsed")}, subscription, lb, false, ""},
		{"a_part_was_denied", []string{list(subscription, lb, "complete"), gap(vnet, lb, "denied")}, subscription, lb, false, ""},
		{"denied_to_one_and_read_by_another", []string{list(subscription, lb, "complete"), gap(subscription, lb, "denied")}, subscription, lb, true, azward.SourceListing},
		{"denied_elsewhere", []string{list(subscription, lb, "complete"), gap("/subscriptions/2", lb, "denied")}, subscription, lb, true, azward.SourceListing},
		{"one_namespace_listed", []string{list(string(namespace), "pods", "complete")}, namespace, "pods", true, azward.SourceListing},
		{"one_namespace_is_not_the_cluster", []string{list(string(namespace), "pods", "complete")}, testCluster, "pods", false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := mustRead(t, "e", strings.Join(tc.lines, "\n"), estate.ReadOptions{})
			proof, missing := e.Absence(tc.scope, tc.of)
			if proven := len(missing) == 0; proven != tc.proven {
				t.Fatalf("proven %t, want %t: proof %v, missing %v", proven, tc.proven, proof, missing)
			}
			if tc.proven && (len(proof) == 0 || proof[len(proof)-1].Source != tc.source) {
				t.Errorf("proof %v, want source %q", proof, tc.source)
			}
		})
	}
}

// Indexes by address and image.
func TestIndexes(t *testing.T) {
	t.Parallel()
	nic := subscription + "/resourceGroups/shop/providers/Microsoft.Network/networkInterfaces/n"
	e := mustRead(t, "e", strings.Join([]string{
		`{"source":"arm","body":{"id":"` + nic + `","properties":{"dnsSettings":{"dnsServers":["10.0.0.9"]},"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.0.4"}},{"properties":{"privateIPAddress":"FD00::0:4"}}]}}}`,
		`{"source":"kubernetes","cluster":"` + string(testCluster) + `","body":{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"n"},"spec":{"clusterIP":"None"},"status":{"loadBalancer":{"ingress":[{"ip":"20.1.2.3"}]}}}}`,
		`{"source":"kubernetes","cluster":"` + string(testCluster) + `","body":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"containers":[{"name":"c","image":"nginx"}]},"status":{"podIPs":[{"ip":"10.0.0.4"}],"hostIP":"10.0.0.7"}}}`,
	}, "\n"), estate.ReadOptions{})
	for address, want := range map[string]int{"10.0.0.4": 2, "fd00::4": 1, "20.1.2.3": 1, "10.0.0.9": 0, "10.0.0.7": 0, "::ffff:10.0.0.4": 2} {
		if got := e.WithAddress(netip.MustParseAddr(address)); len(got) != want {
			t.Errorf("%s: %v, want %d", address, ids(got), want)
		}
	}
	for image, want := range map[string]int{"nginx": 1, "docker.io/library/nginx:latest": 1, "library/nginx": 1, "nginx:1": 0, "localhost:5000/nginx": 0, "": 0} {
		if got := e.WorkloadsOf(image); len(got) != want {
			t.Errorf("%q: %d workloads, want %d", image, len(got), want)
		}
	}
}
