package verdict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/verdict"
)

// Scenarios are written from what Azure and Kubernetes document, each with the
// page that says so, not from what the code answers. A file holds
//
//	its first line     what the scenario shows; the lines below say why, with the source
//	-- question --     VULNERABILITY in PACKAGE of WORKLOAD[, container NAME]
//	                   [, from CLASS][, asked N days later]
//	-- include --      base files to start from, one a line
//	-- image --        what the image holds
//	-- advisory --     the vulnerability, as an OSV record
//	-- arm --          resources of Azure, as documents of one YAML stream
//	-- kubernetes --   objects of the cluster ${cluster}
//	-- unread --       TYPE [denied]: listings that were not read, one a line; all others were
//	-- expected --     what is true; never written by a test
//	-- evidence --     what the deciding conditions cite; `go test ./verdict -update` writes it
//
// A base, whose name begins with base_, is a part of other scenarios.
const scenarioFiles = "testdata/scenarios/*.txtar"

var update = flag.Bool("update", false, "write evidence lists and the index of scenarios")

const (
	scenarioRG      = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
	scenarioNodes   = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/mc"
	scenarioCluster = scenarioRG + "/providers/Microsoft.ContainerService/managedClusters/prod"
	scenarioName    = "contoso.azurecr.io/shop/cart"
	scenarioDigest  = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// placeholders are the short forms that scenarios use for long IDs, the longest first.
var placeholders = [][2]string{
	{"${cluster}", scenarioCluster},
	{"${net}", scenarioRG + "/providers/Microsoft.Network"},
	{"${nodenet}", scenarioNodes + "/providers/Microsoft.Network"},
	{"${vm}", scenarioRG + "/providers/Microsoft.Compute/virtualMachines/vm"},
	{"${rg}", scenarioRG},
	{"${nodes}", scenarioNodes},
	{"${sub}", "/subscriptions/11111111-1111-1111-1111-111111111111"},
	{"${digest}", scenarioDigest},
	{"${otherdigest}", "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
}

func spelt(s string) string {
	for _, p := range placeholders {
		s = strings.ReplaceAll(s, p[0], p[1])
	}
	return s
}

func abbreviated(s string) string {
	for _, p := range placeholders {
		s = strings.ReplaceAll(s, p[1], p[0])
	}
	return s
}

// expectation is what is true of a scenario, and what azward is to say of it.
type expectation struct {
	Result azward.Result `json:"result"`
	// Decided names the conditions that decide: with the answer no for "no",
	// with unknown for "unknown", and those worth reading for "yes".
	Decided []azward.ConditionID  `json:"decided"`
	Needs   []azward.Prerequisite `json:"needs"`
	// Facts that have to be among the evidence of the deciding conditions:
	// "RESOURCE POINTER", or "listing TYPE".
	Facts []string `json:"facts"`
	// Truth is the true result where azward cannot know it, and Reason why not.
	Truth  azward.Result `json:"truth"`
	Reason string        `json:"reason"`
	// Impact and Mitigations that the verdict tells.
	Impact      []azward.ConditionID `json:"impact"`
	Mitigations []azward.ConditionID `json:"mitigations"`
}

// truth is the true result.
func (x expectation) truth() azward.Result {
	if x.Truth != "" {
		return x.Truth
	}
	return x.Result
}

func answerOf(r azward.Result) azward.Answer {
	switch r {
	case azward.Exploitable, azward.Conditional:
		return azward.Yes
	case azward.Dormant, azward.NotExploitable:
		return azward.No
	default:
		return azward.Unknown
	}
}

type scenario struct {
	file, name, title, source string

	question        string
	arm, kubernetes []json.RawMessage
	image           scenarioImage
	record          json.RawMessage
	unread          map[string]azward.GapKind
	expected        expectation
	evidence        string

	subject verdict.Subject
	later   time.Duration // after the scan, when the question is asked
	found   bool          // false: no advisory says that the package is affected
}

type scenarioImage struct {
	Reference string           `json:"reference"` // the tag that the registry resolved
	Digest    azward.Digest    `json:"digest"`
	Packages  []azward.Package `json:"packages"`
}

var sourceLine = regexp.MustCompile(`(?m)^https://\S+$`)

// library is read once for all tests.
var library struct {
	sync.Mutex
	all []scenario
}

// scenarios are those of the library, in order of their names.
func scenarios(t testing.TB) []scenario {
	t.Helper()
	library.Lock()
	defer library.Unlock()
	if library.all != nil {
		return library.all
	}
	files, err := filepath.Glob(scenarioFiles)
	if err != nil {
		t.Fatal(err)
	}
	var all []scenario
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if strings.HasPrefix(name, "base_") {
			continue
		}
		s := scenario{file: file, name: name}
		s.read(t, file)
		s.subject, s.later, s.found = s.asks(t)
		all = append(all, s)
	}
	library.all = all
	return all
}

// read adds what a file says; what is there already gives way.
func (s *scenario) read(t testing.TB, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		if f.Name == "include" { // first, wherever it stands
			for base := range strings.FieldsSeq(string(f.Data)) {
				s.read(t, filepath.Join(filepath.Dir(file), base+".txtar"))
			}
		}
	}
	s.expected, s.evidence = expectation{}, "" // those of what is included are its own
	first, _, _ := strings.Cut(string(archive.Comment), "\n\n")
	s.title = strings.Join(strings.Fields(first), " ")
	s.source = sourceLine.FindString(string(archive.Comment))
	for _, f := range archive.Files {
		text := strings.TrimSpace(string(f.Data))
		switch f.Name {
		case "include":
		case "question":
			s.question = strings.Join(strings.Fields(text), " ")
		case "image":
			strict(t, file, f.Data, &s.image)
		case "advisory":
			s.record = documents(t, file, f.Data)[0]
		case "arm":
			s.arm = lastOf(t, append(s.arm, documents(t, file, f.Data)...))
		case "kubernetes":
			s.kubernetes = lastOf(t, append(s.kubernetes, documents(t, file, f.Data)...))
		case "unread":
			s.unread = map[string]azward.GapKind{}
			for line := range strings.Lines(text) {
				what, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
				s.unread[spelt(what)] = azward.GapKind(kind)
			}
		case "expected":
			strict(t, file, f.Data, &s.expected)
		case "evidence":
			s.evidence = string(f.Data)
		default:
			t.Fatalf("%s: no section is called %q", file, f.Name)
		}
	}
}

func strict(t testing.TB, file string, text []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(spelt(string(text))), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func documents(t testing.TB, file string, stream []byte) []json.RawMessage {
	t.Helper()
	var docs []json.RawMessage
	for doc := range strings.SplitSeq("\n"+spelt(string(stream)), "\n---") {
		raw, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			t.Fatalf("%s: %v in\n%s", file, err, doc)
		}
		if string(raw) != "null" {
			docs = append(docs, raw)
		}
	}
	return docs
}

// nameOf tells objects apart, so that a scenario may replace what its base says.
func nameOf(t testing.TB, body json.RawMessage) (key, id, listing string) {
	t.Helper()
	var head struct {
		ID, Type, Kind, APIVersion string
		Metadata                   struct{ Name, Namespace string }
	}
	if err := json.Unmarshal(body, &head); err != nil {
		t.Fatal(err)
	}
	if listing = head.Type; listing == "" {
		listing = estate.PluralOf(head.Kind)
		if group, _, ok := strings.Cut(head.APIVersion, "/"); ok {
			listing += "." + group
		}
	}
	return strings.Join([]string{head.ID, head.Kind, head.Metadata.Namespace, head.Metadata.Name}, " "), head.ID, listing
}

func lastOf(t testing.TB, bodies []json.RawMessage) []json.RawMessage {
	t.Helper()
	at := map[string]int{}
	var kept []json.RawMessage
	for _, body := range bodies {
		key, _, _ := nameOf(t, body)
		if i, ok := at[key]; ok {
			kept[i] = body
			continue
		}
		at[key] = len(kept)
		kept = append(kept, body)
	}
	return kept
}

// listedTypes are the listings that were read to their end unless a scenario
// says otherwise.
var listedTypes = strings.Fields(`
	pods services nodes serviceaccounts secrets namespaces
	ingresses.networking.k8s.io ingressclasses.networking.k8s.io endpointslices.discovery.k8s.io
	deployments.apps replicasets.apps statefulsets.apps daemonsets.apps jobs.batch cronjobs.batch
	gateways.gateway.networking.k8s.io httproutes.gateway.networking.k8s.io grpcroutes.gateway.networking.k8s.io
	tlsroutes.gateway.networking.k8s.io tcproutes.gateway.networking.k8s.io
	ingressroutes.traefik.io ingressroutetcps.traefik.io ingressrouteudps.traefik.io ingressroutes.traefik.containo.us httpproxies.projectcontour.io
	transportservers.k8s.nginx.org virtualservers.k8s.nginx.org virtualserverroutes.k8s.nginx.org mappings.getambassador.io
	networkpolicies.networking.k8s.io adminnetworkpolicies.policy.networking.k8s.io baselineadminnetworkpolicies.policy.networking.k8s.io
	networkpolicies.crd.projectcalico.org globalnetworkpolicies.crd.projectcalico.org
	ciliumnetworkpolicies.cilium.io ciliumclusterwidenetworkpolicies.cilium.io
	roles.rbac.authorization.k8s.io rolebindings.rbac.authorization.k8s.io
	clusterroles.rbac.authorization.k8s.io clusterrolebindings.rbac.authorization.k8s.io
	horizontalpodautoscalers.autoscaling scaledobjects.keda.sh
	Microsoft.Resources/subscriptions
	Microsoft.Authorization/roleAssignments Microsoft.Authorization/roleDefinitions Microsoft.Authorization/denyAssignments
	Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials Microsoft.KeyVault/vaults
	Microsoft.Compute/virtualMachineScaleSets Microsoft.Compute/virtualMachineScaleSets/virtualMachines Microsoft.Compute/virtualMachines
	Microsoft.Compute/virtualMachineScaleSets/publicIPAddresses
	Microsoft.Network/natGateways Microsoft.Network/privateLinkServices Microsoft.Network/loadBalancers Microsoft.Network/privateEndpoints
	Microsoft.Network/applicationGateways Microsoft.Network/azureFirewalls Microsoft.Network/networkManagers Microsoft.Network/frontDoors
	Microsoft.Network/publicIPAddresses Microsoft.Network/networkInterfaces Microsoft.Network/networkSecurityGroups
	Microsoft.Network/virtualNetworks Microsoft.Network/firewallPolicies/ruleCollectionGroups Microsoft.Network/connections
	Microsoft.Network/virtualNetworkGateways Microsoft.Network/bastionHosts Microsoft.Network/virtualHubs
	Microsoft.Network/networkManagers/securityAdminConfigurations Microsoft.Network/effectiveSecurityAdminRules
	Microsoft.Cdn/profiles Microsoft.Cdn/profiles/endpoints Microsoft.Cdn/profiles/afdEndpoints Microsoft.Cdn/profiles/afdEndpoints/routes
	Microsoft.Cdn/profiles/originGroups Microsoft.Cdn/profiles/originGroups/origins
	Microsoft.Cdn/profiles/ruleSets Microsoft.Cdn/profiles/ruleSets/rules Microsoft.Cdn/profiles/securityPolicies Microsoft.Cdn/profiles/customDomains
	Microsoft.ApiManagement/service Microsoft.ApiManagement/service/apis Microsoft.ApiManagement/service/backends
	Microsoft.ApiManagement/service/policies Microsoft.ApiManagement/service/apis/policies Microsoft.ApiManagement/service/apis/operations/policies
	Microsoft.App/containerApps/revisions Microsoft.App/containerApps/authConfigs Microsoft.Web/sites/slots Microsoft.Web/sites/config
	Microsoft.Web/sites/sitecontainers Microsoft.Web/sites/functions Microsoft.Network/networkManagers/networkGroups
	Microsoft.ContainerInstance/containerGroups
`)

// drop leaves facts out by their kind (arm, kubernetes, listing) and place.
type drop func(kind string, i int) bool

// estate builds the scenario's world, without what drop names.
func (s scenario) estate(t testing.TB, without drop) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for i, body := range s.arm {
		if without != nil && without("arm", i) {
			continue
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01", ReadAt: decidedAt}); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range s.kubernetes {
		if without != nil && without("kubernetes", i) {
			continue
		}
		if err := b.AddKubernetes(scenarioCluster, body, estate.Provenance{Source: azward.SourceKubernetes, ReadAt: decidedAt}); err != nil {
			t.Fatal(err)
		}
	}
	for i, name := range listedTypes {
		if _, unread := s.unread[name]; unread || without != nil && without("listing", i) {
			continue
		}
		b.AddListing(estate.Listing{Scope: "/", Type: name, Status: estate.ListingComplete, Pages: 1, ReadAt: decidedAt})
	}
	for name, kind := range s.unread {
		if kind != "" {
			b.AddGap(azward.Gap{Scope: "/subscriptions/11111111-1111-1111-1111-111111111111", Kind: kind, Reads: name, Needs: name + "/read", Error: "the principal lacks this action"})
		}
	}
	if s.image.Digest != "" {
		image := map[string]any{"digest": s.image.Digest, "packages": s.image.Packages}
		if s.image.Reference != "" {
			image["references"] = []any{map[string]any{"reference": s.image.Reference, "resolvedAt": decidedAt}}
		}
		if err := b.AddImage(s.image.Digest, azward.JSONValue(image), estate.Provenance{Source: azward.SourceImage, ReadAt: decidedAt}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

var questionForm = regexp.MustCompile(`^(\S+) in (\S+) of ([^\s,]+)(?:, container ([^\s,]+))?(?:, from ([^\s,]+))?(?:, asked (\d+) days later)?$`)

// workloadID turns "deployment/shop/cart", or an ARM ID, into an ID.
func workloadID(place string) azward.ResourceID {
	kind, rest, ok := strings.Cut(place, "/")
	if !ok || strings.HasPrefix(place, "$") {
		return azward.ResourceID(spelt(place))
	}
	namespace, name, _ := strings.Cut(rest, "/")
	group := map[string]string{"pod": "", "job": "batch", "cronjob": "batch"}
	g, ok := group[kind]
	if !ok {
		g = "apps"
	}
	return azward.ResourceID(scenarioCluster).Kubernetes(g, "v1", namespace, kind+"s", name)
}

// asks reads the question. It is false when no advisory says that the package
// is affected: then there is nothing to decide.
func (s scenario) asks(t testing.TB) (subject verdict.Subject, later time.Duration, found bool) {
	t.Helper()
	m := questionForm.FindStringSubmatch(s.question)
	if m == nil {
		t.Fatalf("%s: the question %q has another form", s.file, s.question)
	}
	at := slices.IndexFunc(s.image.Packages, func(p azward.Package) bool { return p.Name == m[2] })
	if at < 0 {
		t.Fatalf("%s: the image holds no %s", s.file, m[2])
	}
	subject = verdict.Subject{
		Workload: workloadID(m[3]), Container: m[4], Digest: s.image.Digest, Image: scenarioName + "@" + string(s.image.Digest),
		Package: s.image.Packages[at], Record: s.record, Attacker: exposure.Class(m[5]),
	}
	if m[6] != "" {
		var days int
		var err error
		if days, err = strconv.Atoi(m[6]); err != nil {
			t.Fatal(err)
		}
		later = time.Duration(days) * 24 * time.Hour
	}
	findings, err := advisory.Rematch(s.record, subject.Package)
	if err != nil {
		t.Fatalf("%s: %v", s.file, err)
	}
	for _, f := range findings {
		if f.ID == m[1] {
			f.Malicious = strings.HasPrefix(f.Record, "MAL-") // as the index has it of the record
			subject.Finding = f
			return subject, later, true
		}
	}
	if !bytes.Contains(s.record, []byte(`"`+m[1]+`"`)) {
		t.Fatalf("%s: the advisory is not about %s", s.file, m[1])
	}
	return subject, later, false
}

// ask decides a scenario on a world.
func (s scenario) ask(t testing.TB, e *estate.Estate) azward.Verdict {
	t.Helper()
	if !s.found {
		return azward.Verdict{Result: azward.NotExploitable, Exploitable: azward.No, Conditions: []azward.Condition{{ID: azward.Affected, Answer: azward.No}}}
	}
	d := verdict.Decider{Estate: e, At: decidedAt}
	return verdict.Aged(d.Decide(s.subject), decidedAt.Add(s.later))
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios(t) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if s.source == "" {
				t.Error("no page of Microsoft's or Kubernetes' documentation is cited")
			}
			v := s.ask(t, s.estate(t, nil))
			s.check(t, v)
			s.replay(t)
			got := cited(v, s.expected.Decided)
			if *update {
				s.write(t, got)
				return
			}
			if diff := cmp.Diff(s.evidence, got); diff != "" {
				t.Errorf("evidence (-file +decided):\n%s", diff)
			}
		})
	}
}

// check compares a verdict with what is expected.
func (s scenario) check(t *testing.T, v azward.Verdict) {
	t.Helper()
	x := s.expected
	if v.Result != x.Result {
		t.Errorf("%s, want %s: %s", v.Result, x.Result, v.Summary)
		for _, g := range v.Gaps {
			t.Logf("gap %s %s %s: %s", g.Kind, g.Scope, g.Reads, g.Error)
		}
	}
	if len(x.Decided) == 0 || (x.Result == azward.Undecided || x.Truth != "") && x.Reason == "" {
		t.Error("the expectation does not say what decides, or for unknown why")
	}
	if truth := answerOf(x.truth()); truth != azward.Unknown && answerOf(x.Result) != truth && x.Result != azward.Undecided {
		t.Errorf("the scenario expects %s where %s is true: only unknown may stand in for it", x.Result, x.Truth)
	}
	if len(v.Conditions) == 4 {
		want := answerOf(x.Result)
		for _, c := range v.Conditions {
			stated := slices.Contains(x.Decided, c.ID)
			switch stale := v.Stale && v.Exploitable == azward.Unknown; {
			case stale:
			case stated && c.Answer != want:
				t.Errorf("condition %s is %s, want %s: %s", c.ID, c.Answer, want, c.Summary)
			case !stated && want != azward.Yes && c.Answer == want:
				t.Errorf("condition %s is %s too: %s", c.ID, c.Answer, c.Summary)
			}
		}
		if want == azward.Yes || len(x.Needs) > 0 {
			if diff := cmp.Diff(x.Needs, v.Prerequisites); diff != "" {
				t.Errorf("what an attacker needs (-want +got):\n%s", diff)
			}
		}
	}
	evidence := cited(v, x.Decided)
	for _, fact := range x.Facts {
		if !holds(evidence, fact) {
			t.Errorf("%s is not among the evidence:\n%s", fact, evidence)
		}
	}
	for _, of := range []struct {
		want []azward.ConditionID
		got  []azward.Condition
	}{{x.Impact, v.Impact}, {x.Mitigations, v.Mitigations}} {
		for _, id := range of.want {
			if !slices.ContainsFunc(of.got, func(c azward.Condition) bool { return c.ID == id && c.Answer == azward.Yes }) {
				t.Errorf("%s is not told: %+v", id, of.got)
			}
		}
	}
}

// holds looks for a fact, or for a part of the document that holds it.
func holds(evidence, fact string) bool {
	fact = abbreviated(spelt(fact))
	for line := range strings.Lines(evidence) {
		line = strings.TrimSpace(line)
		if strings.EqualFold(fact, line) || strings.Contains(line, " /") && strings.HasPrefix(strings.ToLower(fact), strings.ToLower(line)+"/") {
			return true
		}
	}
	return false
}

// cited lists the evidence of conditions, a line for each fact.
func cited(v azward.Verdict, of []azward.ConditionID) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, c := range v.Conditions {
		if !slices.Contains(of, c.ID) {
			continue
		}
		for _, e := range c.Evidence {
			line := fmt.Sprintf("%s %s", e.Resource, e.Property)
			if e.Source == azward.SourceListing {
				var l struct{ Type string }
				if json.Unmarshal(e.Value, &l) == nil {
					line = "listing " + l.Type
				}
			}
			if line = abbreviated(line); !seen[line] {
				seen[line] = true
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

// replay verifies the proof without the scenario's world.
func (s scenario) replay(t *testing.T) {
	t.Helper()
	if !s.found {
		return
	}
	p, err := (&verdict.Decider{Estate: s.estate(t, nil), At: decidedAt}).Proof(s.subject)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verdict.Verify(raw, advisory.Rematch); err != nil {
		t.Errorf("the proof does not replay: %v", err)
	}
}

// write changes the evidence section alone.
func (s scenario) write(t *testing.T, evidence string) {
	t.Helper()
	archive, err := txtar.ParseFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "evidence" })
	if at < 0 {
		at = len(archive.Files)
		archive.Files = append(archive.Files, txtar.File{Name: "evidence"})
	}
	archive.Files[at].Data = []byte(evidence)
	if err := errors.Join(os.WriteFile(s.file+".new", txtar.Format(archive), 0o600), os.Rename(s.file+".new", s.file)); err != nil {
		t.Fatal(err)
	}
}
