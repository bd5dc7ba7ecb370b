package netpol

import (
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Kinds that filter packets in a way azward does not model: a pod that one
// may select is Unknown. The listing is needed where the engine knows the kind.
var foreignKinds = []struct {
	kind, listing, engine string
}{
	{"CiliumNetworkPolicy.cilium.io", "ciliumnetworkpolicies.cilium.io", "cilium"},
	{"CiliumClusterwideNetworkPolicy.cilium.io", "ciliumclusterwidenetworkpolicies.cilium.io", "cilium"},
	{"NetworkPolicy.crd.projectcalico.org", "networkpolicies.crd.projectcalico.org", "calico"},
	{"GlobalNetworkPolicy.crd.projectcalico.org", "globalnetworkpolicies.crd.projectcalico.org", "calico"},
	{"NetworkPolicy.projectcalico.org", "", ""},       // the same objects through Calico's own API server
	{"GlobalNetworkPolicy.projectcalico.org", "", ""}, // likewise
	{"ClusterNetworkPolicy.policy.networking.k8s.io", "", ""},
}

// foreignPolicy is an object of a kind that azward does not model.
type foreignPolicy struct {
	resource *estate.Resource
	gap      azward.Gap
	selector *estate.LabelSelector // nil: any pod in scope
}

// load reads what holds for the whole cluster, once.
func (g *Engine) load() {
	if g.loaded {
		return
	}
	g.loaded = true
	g.admin = adminTiers(g.estate.Objects(g.cluster, adminKind, ""), &g.quiet)
	for _, r := range g.estate.Objects(g.cluster, baselineKind, "") {
		g.baseline = append(g.baseline, readAdminPolicy(r, false, &g.quiet))
	}
	listings := []string{"networkpolicies.networking.k8s.io"}
	for _, k := range foreignKinds {
		for _, r := range g.estate.Objects(g.cluster, k.kind, "") {
			g.foreign = append(g.foreign, readForeign(r))
		}
		if k.engine != "" && k.engine == g.enforce.name {
			listings = append(listings, k.listing)
		}
	}
	if g.enforce.name == "calico" || len(g.admin)+len(g.baseline) > 0 {
		listings = append(listings, "adminnetworkpolicies.policy.networking.k8s.io", "baselineadminnetworkpolicies.policy.networking.k8s.io")
	}
	g.proof, g.missing = g.estate.Absence(g.cluster, listings...)
}

func readForeign(r *estate.Resource) *foreignPolicy {
	p := &foreignPolicy{resource: r, gap: azward.Gap{
		Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/spec",
		Error: "azward does not model " + r.Kind + " yet, so pods that this policy may select are undecided",
	}}
	if !strings.HasSuffix(r.Kind, ".cilium.io") {
		return p
	}
	v, err := estate.Decode[struct {
		Spec *struct {
			EndpointSelector *estate.LabelSelector `json:"endpointSelector"`
		} `json:"spec"`
		Specs []struct{} `json:"specs"`
	}](r)
	if err != nil || v.Spec == nil || len(v.Specs) > 0 {
		return p
	}
	p.selector = plainSelector(v.Spec.EndpointSelector)
	return p
}

// plainSelector strips Cilium's source prefixes; nil when a key means more
// than a pod label.
// Source: https://docs.cilium.io/en/stable/gettingstarted/terminology/#label-source
func plainSelector(s *estate.LabelSelector) *estate.LabelSelector {
	if s == nil {
		return nil
	}
	plain := &estate.LabelSelector{MatchLabels: map[string]string{}}
	key := func(k string) (string, bool) {
		k = strings.TrimPrefix(strings.TrimPrefix(k, "k8s:"), "any:")
		return k, !strings.Contains(k, ":") && !strings.HasPrefix(k, "io.kubernetes.") && !strings.HasPrefix(k, "io.cilium.")
	}
	for k, v := range s.MatchLabels {
		name, ok := key(k)
		if !ok {
			return nil
		}
		plain.MatchLabels[name] = v
	}
	for _, r := range s.MatchExpressions {
		name, ok := key(r.Key)
		if !ok {
			return nil
		}
		r.Key = name
		plain.MatchExpressions = append(plain.MatchExpressions, r)
	}
	return plain
}

// mayTouch reports whether the policy may select the pod.
func (p *foreignPolicy) mayTouch(at *Pod) bool {
	if p.resource.Namespace != "" && p.resource.Namespace != at.Namespace {
		return false
	}
	if p.selector == nil {
		return true
	}
	ok, err := p.selector.Matches(at.Labels)
	return ok || err != nil
}
