package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// Case is a small estate and what the rule says of it.
type Case struct {
	Name string
	// Want is "pass", "fail", "unknown" or "skip", which is that the rule does
	// not apply.
	Want string
	// Resource is what is judged, as its interface returns it; an ID and a type
	// that it lacks are made up. Nil for a rule about what must exist.
	Resource map[string]any
	// Related are further resources of the estate.
	Related []map[string]any
	// NotRead names what was not read: types whose listing is missing
	// ("Microsoft.Network/networkWatchers"), or properties of the resource
	// ("properties.minimumTlsVersion"), which then comes from Resource Graph.
	NotRead []string
	// Now is the time of the case; [CaseTime] where it is zero.
	Now  time.Time
	Line int
}

// CaseTime is what rules know as now in cases that do not say.
var CaseTime = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// Names that made-up IDs have.
const (
	caseSubscription = "/subscriptions/00000000-0000-0000-0000-000000000001"
	caseGroup        = caseSubscription + "/resourceGroups/example"
	caseCluster      = caseGroup + "/providers/Microsoft.ContainerService/managedClusters/example"
)

// places are what a case may write for made-up scopes.
var places = strings.NewReplacer("${subscription}", caseSubscription, "${group}", caseGroup, "${cluster}", caseCluster)

// Try evaluates the rule on a case. The state is what it says of the resource;
// with several that it says something of, of the one that is judged.
func (r *Rule) Try(c *Case) (Result, error) {
	e, judged, err := r.caseEstate(c)
	if err != nil {
		return Result{}, fmt.Errorf("case %q: %w", c.Name, err)
	}
	at := c.Now
	if at.IsZero() {
		at = CaseTime
	}
	checker := NewChecker(e, at)
	checker.Lifecycle = caseLifecycle(c, at)
	for got := range checker.Check([]*Rule{r}) {
		if judged == "" || got.Resource.ID.Equal(judged) {
			return got, nil
		}
	}
	return Result{Rule: r, State: azurepolicy.NotApplicable}, nil
}

// Prove tries the rule on its cases, and tells what is not as a case wants it,
// which kinds of cases are missing, and which properties under reads no case
// reads.
func (r *Rule) Prove() []Problem {
	var bad []Problem
	tell := func(line int, format string, args ...any) {
		bad = append(bad, Problem{File: r.File, Line: line, Rule: r.ID, Why: fmt.Sprintf(format, args...)})
	}
	read, wanted := map[string]bool{}, map[string]bool{}
	for i := range r.Cases {
		c := &r.Cases[i]
		wanted[c.Want] = true
		got, err := r.Try(c)
		if err != nil {
			tell(c.Line, "%s", err)
			continue
		}
		want := c.Want
		if want == "skip" {
			want = azurepolicy.NotApplicable.String()
		}
		if got.State.String() != want {
			tell(c.Line, "case %q is %s (%s), want %s", c.Name, got.State, cmp.Or(got.Reason, reason(got.decisive())), want)
		}
		for _, path := range got.Paths() {
			read[path] = true
		}
	}
	for _, want := range []string{"pass", "fail", "unknown"} {
		if !wanted[want] {
			tell(r.Line, "no case of it wants %s", want)
		}
	}
	for _, path := range r.Reads {
		if !read[path] {
			tell(r.Line, "no case of it reads %s; read are %s", path, strings.Join(slices.Sorted(maps.Keys(read)), ", "))
		}
	}
	return bad
}

func (r *Rule) caseEstate(c *Case) (*estate.Estate, azward.ResourceID, error) {
	var b estate.Builder
	add := func(body map[string]any, fallback string, from azward.Source) (azward.ResourceID, error) {
		return addCase(&b, body, fallback, from)
	}
	var judged azward.ResourceID
	source := azward.SourceARM
	for _, what := range c.NotRead {
		if !isType(what) {
			source = azward.SourceResourceGraph
			continue
		}
		b.AddGap(azward.Gap{Scope: "/", Kind: azward.GapDenied, Reads: what, Needs: what + "/read", Error: "the case says that it was not read"})
	}
	if c.Resource != nil {
		fallback := "Microsoft.Resources/subscriptions"
		if len(r.Types) > 0 {
			fallback = r.Types[0]
		}
		id, err := add(c.Resource, fallback, source)
		if err != nil {
			return nil, "", err
		}
		judged = id
	}
	for _, body := range c.Related {
		if _, err := add(body, "", azward.SourceARM); err != nil {
			return nil, "", err
		}
	}
	if r.Scope == scopeSubscription && c.Resource == nil {
		if _, err := add(map[string]any{"id": caseSubscription, "type": "Microsoft.Resources/subscriptions"}, "", azward.SourceARM); err != nil {
			return nil, "", err
		}
		judged = caseSubscription
	}
	if r.Scope == scopeTenant {
		judged = "/"
	}
	for _, scope := range []azward.ResourceID{"/", caseCluster} {
		b.AddListing(estate.Listing{Scope: scope, Type: estate.AllTypes, Status: estate.ListingDeclared})
	}
	return b.Build(), judged, nil
}

// isType tells a type or Kubernetes resource that can be listed from a
// property.
func isType(s string) bool {
	return strings.Contains(s, "/") || !strings.HasPrefix(s, "properties") && strings.ToLower(s) == s && !strings.Contains(s, ".") || strings.HasSuffix(s, ".k8s.io")
}

// addCase adds one resource of a case.
func addCase(b *estate.Builder, body map[string]any, fallback string, source azward.Source) (azward.ResourceID, error) {
	kind, _ := body["type"].(string)
	if kind == "" {
		kind = fallback
	}
	if kind == "" {
		if id, _ := body["id"].(string); id != "" {
			kind = azward.ResourceID(id).Type()
		}
	}
	full := map[string]any{}
	if err := json.Unmarshal([]byte(places.Replace(string(azward.JSONValue(body)))), &full); err != nil {
		return "", fmt.Errorf("a resource of the case: %w", err)
	}
	at := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case kind == ImageType:
		return imageCase(b, full, source == azward.SourceARM, at)
	case strings.HasPrefix(kind, directoryPrefix):
		delete(full, "type")
		setDefault(full, "id", "00000000-0000-0000-0000-0000000000aa")
		collection := strings.TrimPrefix(kind, directoryPrefix)
		id := azward.ResourceID("/providers/" + directoryPrefix + collection + "/" + fmt.Sprint(full["id"]))
		return id, b.AddMSGraph(collection, azward.JSONValue(full), estate.Provenance{Source: azward.SourceMSGraph, ReadAt: at})
	case full["apiVersion"] != nil && full["kind"] != nil || !strings.Contains(kind, "/") && kind != "":
		return addKubernetesCase(b, full, kind, at)
	}
	setDefault(full, "type", kind)
	setDefault(full, "id", caseID(kind))
	setDefault(full, "name", azward.ResourceID(fmt.Sprint(full["id"])).Name())
	setDefault(full, "properties", map[string]any{})
	id := azward.ResourceID(fmt.Sprint(full["id"]))
	if _, err := azward.ParseResourceID(string(id)); err != nil {
		return "", err
	}
	return id, b.AddARM(azward.JSONValue(full), estate.Provenance{Source: source, APIVersion: "2025-01-01", ReadAt: at})
}

func addKubernetesCase(b *estate.Builder, full map[string]any, kind string, at time.Time) (azward.ResourceID, error) {
	name, group := estate.SplitKind(kind)
	version := "v1"
	setDefault(full, "kind", name)
	if group != "" {
		version = group + "/v1"
	}
	setDefault(full, "apiVersion", version)
	metadata, _ := full["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
		full["metadata"] = metadata
	}
	setDefault(metadata, "name", "example")
	if !clusterWide[fmt.Sprint(full["kind"])] {
		setDefault(metadata, "namespace", "default")
	}
	if err := b.AddKubernetes(caseCluster, azward.JSONValue(full), estate.Provenance{Source: azward.SourceKubernetes, ReadAt: at}); err != nil {
		return "", err
	}
	gv := fmt.Sprint(full["apiVersion"])
	group, version, ok := strings.Cut(gv, "/")
	if !ok {
		group, version = "", gv
	}
	namespace, _ := metadata["namespace"].(string)
	return azward.ResourceID(caseCluster).Kubernetes(group, version, namespace, estate.PluralOf(fmt.Sprint(full["kind"])), fmt.Sprint(metadata["name"])), nil
}

// clusterWide are kinds that lie in no namespace.
var clusterWide = map[string]bool{
	"Namespace": true, "Node": true, "ClusterRole": true, "ClusterRoleBinding": true, "PersistentVolume": true, "StorageClass": true,
}

// caseID makes up an ID for a type: one name for each of its parts.
func caseID(kind string) string {
	switch strings.ToLower(kind) {
	case "microsoft.resources/subscriptions":
		return caseSubscription
	case "microsoft.resources/subscriptions/resourcegroups", "microsoft.resources/resourcegroups":
		return caseGroup
	}
	parts := strings.Split(kind, "/")
	id := caseGroup + "/providers/" + parts[0]
	for _, part := range parts[1:] {
		id += "/" + part + "/example"
	}
	return id
}

func setDefault(m map[string]any, key string, v any) {
	if _, ok := m[key]; !ok {
		m[key] = v
	}
}

// plainJSON reports an error for what JSON cannot say, such as a key that is
// no text.
func plainJSON(v any) error {
	_, err := json.Marshal(v)
	return err
}
