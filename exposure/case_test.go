package exposure

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

var update = flag.Bool("update", false, "write the answers into the case files")

// Short forms that case files use for the long IDs of their world.
var caseNames = strings.NewReplacer(
	"${rg}", "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg",
	"${nodes}", "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mc",
	"${cluster}", caseCluster,
	"${net}", "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network",
	"${nodenet}", "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mc/providers/Microsoft.Network",
)

const caseCluster = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod"

// shorten turns the long IDs of an answer back.
func shorten(s string) string {
	for _, pair := range [][2]string{
		{caseCluster, "${cluster}"},
		{"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network", "${net}"},
		{"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mc/providers/Microsoft.Network", "${nodenet}"},
		{"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mc", "${nodes}"},
		{"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg", "${rg}"},
	} {
		s = strings.ReplaceAll(s, pair[0], pair[1])
	}
	return s
}

// TestCases runs every case file of testdata. A file holds
//
//	-- include --        base files to start from, one a line
//	-- arm.yaml --       ARM objects, as documents of one YAML stream
//	-- kubernetes.yaml -- objects of the cluster ${cluster}
//	-- missing --        listings that were not read, one a line (else all were)
//	-- question --       from internet to ID, or to KIND/NAMESPACE/NAME; or one
//	                     flow: from PLACE to PLACE PROTOCOL PORT [inbound|outbound]
//	-- want --           the answer; `go test ./exposure -update` writes it
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if strings.HasPrefix(name, "base_") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := readCase(t, archive)
			tracked, tracker := c.estate(t, nil).Tracked()
			got := render(ask(t, tracked, c.question))
			// A proof keeps what was looked up: on that alone the answer is the same.
			if diff := cmp.Diff(got, render(ask(t, tracker.Slice(), c.question))); diff != "" {
				t.Errorf("replayed on the facts that were looked up (-first +replay):\n%s", diff)
			}
			if *update {
				section(archive, "want").Data = []byte(got)
				// Others include this file meanwhile: it changes at once or not at all.
				if err := errors.Join(os.WriteFile(file+".new", txtar.Format(archive), 0o600), os.Rename(file+".new", file)); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(section(archive, "want").Data), got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// section returns the file of this name, which it adds when missing.
func section(a *txtar.Archive, name string) *txtar.File {
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	a.Files = append(a.Files, txtar.File{Name: name})
	return &a.Files[len(a.Files)-1]
}

type exposureCase struct {
	arm, kubernetes []json.RawMessage
	missing         []string
	question        string
}

func readCase(t testing.TB, a *txtar.Archive) exposureCase {
	t.Helper()
	var c exposureCase
	for base := range strings.FieldsSeq(string(section(a, "include").Data)) {
		archive, err := txtar.ParseFile(filepath.Join("testdata", base+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		b := readCase(t, archive)
		c.arm, c.kubernetes = append(c.arm, b.arm...), append(c.kubernetes, b.kubernetes...)
	}
	c.arm = append(c.arm, documents(t, section(a, "arm.yaml").Data)...)
	c.kubernetes = append(c.kubernetes, documents(t, section(a, "kubernetes.yaml").Data)...)
	c.arm, c.kubernetes = lastOf(t, c.arm), lastOf(t, c.kubernetes)
	c.missing = strings.Fields(string(section(a, "missing").Data))
	c.question = strings.TrimSpace(string(section(a, "question").Data))
	return c
}

// lastOf keeps the last of the objects with the same name, so that a case may
// replace what its base says.
func lastOf(t testing.TB, bodies []json.RawMessage) []json.RawMessage {
	t.Helper()
	at := map[string]int{}
	var kept []json.RawMessage
	for _, body := range bodies {
		var head struct {
			ID, Kind string
			Metadata struct{ Name, Namespace string }
		}
		if err := json.Unmarshal(body, &head); err != nil {
			t.Fatal(err)
		}
		key := strings.Join([]string{head.ID, head.Kind, head.Metadata.Namespace, head.Metadata.Name}, " ")
		if i, ok := at[key]; ok {
			kept[i] = body
			continue
		}
		at[key] = len(kept)
		kept = append(kept, body)
	}
	return kept
}

func documents(t testing.TB, stream []byte) []json.RawMessage {
	t.Helper()
	var docs []json.RawMessage
	for doc := range strings.SplitSeq("\n"+caseNames.Replace(string(stream)), "\n---") {
		raw, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		if string(raw) != "null" {
			docs = append(docs, raw)
		}
	}
	return docs
}

// listed are the listings of a case, so that each can be left out.
var listed = []string{
	"services", "ingresses.networking.k8s.io", "gateways.gateway.networking.k8s.io", "endpointslices.discovery.k8s.io", "nodes",
	"httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io", "tlsroutes.gateway.networking.k8s.io", "tcproutes.gateway.networking.k8s.io",
	"networkpolicies.networking.k8s.io", "adminnetworkpolicies.policy.networking.k8s.io", "baselineadminnetworkpolicies.policy.networking.k8s.io",
	"networkpolicies.crd.projectcalico.org", "globalnetworkpolicies.crd.projectcalico.org",
	"authorizationpolicies.security.istio.io", "ciliumnetworkpolicies.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io",
	"Microsoft.Resources/subscriptions", natGatewayType, linkServiceType, "Microsoft.Network/loadBalancers", "Microsoft.Network/privateEndpoints",
	"Microsoft.Network/applicationGateways", "Microsoft.Network/azureFirewalls", "Microsoft.Network/networkManagers", "Microsoft.Network/frontDoors",
	"Microsoft.Cdn/profiles", "Microsoft.ApiManagement/service", "Microsoft.Network/publicIPAddresses",
	"Microsoft.Network/networkInterfaces", "Microsoft.Network/networkSecurityGroups", "Microsoft.Network/virtualNetworks",
	firewallGroups, ruleSnapshotType, "Microsoft.Network/connections",
	"ingressroutes.traefik.io", "ingressroutetcps.traefik.io", "ingressrouteudps.traefik.io", "ingressroutes.traefik.containo.us", "httpproxies.projectcontour.io",
	"transportservers.k8s.nginx.org", "virtualservers.k8s.nginx.org", "virtualserverroutes.k8s.nginx.org", "mappings.getambassador.io",
	perimeterAssociation, perimeterRules,
	sqlFirewallType, sqlRuleType, "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", "Microsoft.DBforMySQL/flexibleServers/firewallRules",
	"Microsoft.Cache/redis/firewallRules", "Microsoft.EventHub/namespaces/networkRuleSets", "Microsoft.ServiceBus/namespaces/networkRuleSets",
	appType, jobType, groupType, originType, endpointType, routeType, "Microsoft.Cdn/profiles/endpoints", apiType, backendType,
	"Microsoft.ApiManagement/service/policies", "Microsoft.ApiManagement/service/apis/policies", "Microsoft.ApiManagement/service/apis/operations/policies",
}

// estate builds the world of the case without the objects and listings that
// drop names by their position (see TestLessIsNeverMore).
func (c exposureCase) estate(t testing.TB, drop func(kind string, i int) bool) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for i, body := range c.arm {
		if drop != nil && drop("arm", i) {
			continue
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01"}); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range c.kubernetes {
		if drop != nil && drop("kubernetes", i) {
			continue
		}
		if err := b.AddKubernetes(caseCluster, body, estate.Provenance{Source: azward.SourceKubernetes}); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range listed {
		if drop != nil && drop("listing", i) || strings.Contains(" "+strings.Join(c.missing, " ")+" ", " "+name+" ") {
			continue
		}
		b.AddListing(estate.Listing{Scope: "/", Type: name, Status: estate.ListingComplete, Pages: 1})
	}
	return b.Build()
}

// ask reads "from internet to deployment/shop/cart" or "… to ${rg}/providers/…".
func ask(t testing.TB, e *estate.Estate, question string) Exposure {
	t.Helper()
	if words := strings.Fields(question); len(words) >= 6 { // from A to B tcp 443 [inbound]
		port, err := strconv.ParseUint(words[5], 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(words[1], "$") || strings.HasPrefix(words[3], "$") { // an ARM resource
			return askARM(e, words)
		}
		q := PodQuestion{Cluster: caseCluster, From: words[1], To: words[3], Protocol: words[4], Port: uint16(port)}
		if len(words) == 7 {
			q.FiltersOnly = words[6]
		}
		return CheckPod(e, q)
	}
	if !strings.HasPrefix(question, "from internet to ") {
		t.Fatalf("question %q does not start with \"from internet to\"", question)
	}
	id := idOf(question)
	w, ok := e.Workload(id)
	if !ok {
		t.Fatalf("the workload %s is not there", id)
	}
	return Reach(e, w)
}

// askARM reads "from A to B tcp 443 [inbound|outbound|via FIREWALL]". An end
// that is not there is not known.
func askARM(e *estate.Estate, words []string) Exposure {
	port, err := strconv.Atoi(words[5])
	q := Question{From: caseNames.Replace(words[1]), To: caseNames.Replace(words[3]), Protocol: words[4], Port: port}
	switch {
	case len(words) == 8:
		q.Via = caseNames.Replace(words[7])
	case len(words) == 7:
		q.FiltersOnly = words[6]
	}
	x, wrong := q.answer(e)
	if err != nil || wrong != nil {
		return Exposure{}
	}
	return x
}

// idOf is the workload that a question is about.
func idOf(question string) azward.ResourceID {
	_, place, _ := strings.Cut(question, " to ")
	place, _, _ = strings.Cut(place, " ")
	id := azward.ResourceID(caseNames.Replace(place))
	if kind, rest, ok := strings.Cut(place, "/"); ok && !strings.HasPrefix(place, "$") {
		namespace, name, _ := strings.Cut(rest, "/")
		group, version := "apps", "v1"
		if kind == "pod" || kind == "service" {
			group = ""
		}
		id = azward.ResourceID(caseCluster).Kubernetes(group, version, namespace, kind+"s", name)
	}
	return id
}

// render prints an answer for a person to review.
func render(x Exposure) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s: %s", x.Answer, x.Summary)
	if x.Answer == azward.Yes {
		line("class %s", x.Class)
	}
	if x.Answer != azward.No {
		for _, f := range x.Flows {
			line("flow %s %s from %s", f.Protocol, f.Ports, strings.Join(f.Sources, " "))
		}
	}
	hops := func(indent string, list []Hop) {
		for _, h := range list {
			line("%s%s %s %q: %s", indent, h.Answer, h.Kind, h.Name, h.Summary)
			for _, ev := range h.Evidence {
				if ev.Source != azward.SourceListing {
					line("%s    %s %s", indent, ev.Resource, ev.Property)
				}
			}
		}
	}
	if x.Answer != azward.No {
		hops("", x.Path)
	}
	for _, block := range x.Blocks {
		line("block: %s", block.Summary)
		hops("  ", block.Path)
	}
	for _, g := range x.Gaps {
		line("gap %s %s %s: %s", g.Kind, g.Scope, g.Reads, g.Error)
	}
	return shorten(b.String())
}

// TestLessIsNeverMore takes one fact after another away from every case.
// Without a listing an answer may only become unknown. Without an object, and
// the listings of its kind, nothing may become a No that was none before.
func TestLessIsNeverMore(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if strings.HasPrefix(name, "base_") || i%everyNth != 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := readCase(t, archive)
			world, tracker := c.estate(t, nil).Tracked()
			before := ask(t, world, c.question).Answer
			touched := tracker.Slice() // what was not looked up decides nothing
			for i, listing := range listed {
				if !slices.ContainsFunc(touched.Listings(), func(l estate.Listing) bool { return strings.EqualFold(l.Type, listing) }) {
					continue
				}
				after := ask(t, c.estate(t, func(kind string, j int) bool { return kind == "listing" && i == j }), c.question).Answer
				if after != before && after != azward.Unknown {
					t.Errorf("without the listing of %s: %s, before %s", listing, after, before)
				}
			}
			c.lessObjects(t, touched, "arm", c.arm, before)
			c.lessObjects(t, touched, "kubernetes", c.kubernetes, before)
		})
	}
}

func (c exposureCase) lessObjects(t *testing.T, touched *estate.Estate, kind string, bodies []json.RawMessage, before azward.Answer) {
	t.Helper()
	for i, body := range bodies {
		var head struct{ ID, Type, Kind, APIVersion string }
		if err := json.Unmarshal(body, &head); err != nil {
			t.Fatal(err)
		}
		if _, ok := touched.Resource(azward.ResourceID(head.ID)); head.ID != "" && !ok {
			continue
		}
		listing := head.Type
		if listing == "" {
			listing = estate.PluralOf(head.Kind)
			if group, _, ok := strings.Cut(head.APIVersion, "/"); ok {
				listing += "." + group
			}
		}
		world := c.estate(t, func(k string, j int) bool {
			return k == kind && i == j || k == "listing" && strings.HasPrefix(strings.ToLower(listing), strings.ToLower(listed[j]))
		})
		if _, ok := world.Resource(idOf(c.question)); !ok {
			continue // the workload itself is gone
		}
		if after := ask(t, world, c.question).Answer; after == azward.No && before != azward.No {
			t.Errorf("without %.160s: no, before %s", body, before)
		}
	}
}
