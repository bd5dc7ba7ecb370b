package netpol_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

func policyObject(name, spec string) json.RawMessage {
	return json.RawMessage(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"` + name + `","namespace":"shop"},"spec":` + spec + `}`)
}

func cartPod() *netpol.Pod {
	return &netpol.Pod{
		Namespace: "shop", Name: "cart", Labels: map[string]string{"app": "cart"},
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.0.9")}, Ports: []netpol.Port{{Name: "http", Protocol: "tcp", Number: 8080}},
	}
}

func TestInvalidAndForeignPoliciesAreUnknown(t *testing.T) {
	t.Parallel()
	deny := policyObject("deny", `{"podSelector":{},"ingress":[]}`)
	for name, c := range map[string]struct {
		profile string
		objects []any
		want    azward.Answer
	}{
		"deny_all":                 {objects: []any{deny}, want: azward.No},
		"no_policy":                {want: azward.Yes},
		"invalid_operator":         {objects: []any{policyObject("p", `{"podSelector":{"matchExpressions":[{"key":"app","operator":"Like","values":["cart"]}]},"ingress":[]}`)}},
		"in_without_values":        {objects: []any{policyObject("p", `{"podSelector":{"matchExpressions":[{"key":"app","operator":"In"}]},"ingress":[]}`)}},
		"peer_with_unknown_field":  {objects: []any{policyObject("p", `{"podSelector":{},"ingress":[{"from":[{"serviceSelector":{}}]}]}`)}},
		"cidr_that_does_not_parse": {objects: []any{policyObject("p", `{"podSelector":{},"ingress":[{"from":[{"ipBlock":{"cidr":"300.0.0.0/8"}}]}]}`)}},
		"end_port_below_port":      {objects: []any{policyObject("p", `{"podSelector":{},"ingress":[{"ports":[{"port":9000,"endPort":80}]}]}`)}},
		"unexpected_shape":         {objects: []any{policyObject("p", `{"podSelector":[]}`)}},
		"broken_beside_an_allow": {objects: []any{
			policyObject("p", `{"podSelector":[]}`), policyObject("q", `{"podSelector":{},"ingress":[{}]}`),
		}, want: azward.Yes},
		"engine_none":           {profile: `{"networkPolicy":"none"}`, objects: []any{deny}, want: azward.Yes},
		"engine_empty":          {profile: `{"networkPolicy":""}`, objects: []any{deny}, want: azward.Yes},
		"engine_null":           {profile: `{"networkPolicy":null}`, objects: []any{deny}},
		"engine_absent":         {profile: `{}`, objects: []any{deny}},
		"engine_not_known":      {profile: `{"networkPolicy":"antrea"}`, objects: []any{deny}},
		"dataplane_cilium":      {profile: `{"networkDataplane":"cilium"}`, objects: []any{deny}, want: azward.No},
		"own_network_plugin":    {profile: `{"networkPlugin":"none","networkPolicy":"none"}`, objects: []any{deny}},
		"absent_without_policy": {profile: `{}`, want: azward.Yes},
		"cilium_policy_for_it": {objects: []any{deny, json.RawMessage(
			`{"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"c","namespace":"shop"},"spec":{"endpointSelector":{"matchLabels":{"k8s:app":"cart"}}}}`)}},
		"cilium_policy_for_another_pod": {objects: []any{deny, json.RawMessage(
			`{"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"c","namespace":"shop"},"spec":{"endpointSelector":{"matchLabels":{"app":"web"}}}}`)}, want: azward.No},
		"cilium_policy_elsewhere": {objects: []any{deny, json.RawMessage(
			`{"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy","metadata":{"name":"c","namespace":"other"},"spec":{"endpointSelector":{}}}`)}, want: azward.No},
		"global_calico_policy": {objects: []any{deny, json.RawMessage(
			`{"apiVersion":"crd.projectcalico.org/v1","kind":"GlobalNetworkPolicy","metadata":{"name":"g"},"spec":{"selector":"all()"}}`)}},
		"admin_policy_of_another_version": {objects: []any{deny, json.RawMessage(
			`{"apiVersion":"policy.networking.k8s.io/v1alpha9","kind":"AdminNetworkPolicy","metadata":{"name":"a"},"spec":{"priority":1}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := world{profile: c.profile, objects: c.objects}.engine(t).Inbound(netpol.AtAddress(netip.MustParseAddr("203.0.113.7")), cartPod(), "tcp", 8080)
			if d.Answer != c.want {
				t.Errorf("got %s, want %s (%v)", d.Answer, c.want, d.Gaps)
			}
			if (d.Answer == azward.Unknown) != (len(d.Gaps) > 0) {
				t.Errorf("%s with gaps %v", d.Answer, d.Gaps)
			}
			if d.Answer != azward.Unknown && len(d.DecidedBy) == 0 {
				t.Errorf("%s without evidence", d.Answer)
			}
		})
	}
}

func TestHostNetworkIsOutsideEnforcement(t *testing.T) {
	t.Parallel()
	pod := cartPod()
	pod.HostNetwork = true
	engine := world{objects: []any{policyObject("deny", `{"podSelector":{},"ingress":[]}`)}}.engine(t)
	if d := engine.Inbound(netpol.AtAddress(netip.MustParseAddr("203.0.113.7")), pod, "tcp", 8080); d.Answer != azward.Unknown {
		t.Errorf("got %s, want unknown", d.Answer)
	}
}

// TestMissingListingIsUnknown: an unread policy may block or let pass.
func TestMissingListingIsUnknown(t *testing.T) {
	t.Parallel()
	for _, objects := range [][]any{nil, {policyObject("deny", `{"podSelector":{},"ingress":[]}`)}} {
		engine := world{objects: objects, partial: true}.engine(t)
		if d := engine.Inbound(netpol.BehindNode(), cartPod(), "tcp", 8080); d.Answer != azward.Unknown || len(d.Gaps) == 0 {
			t.Errorf("got %s with gaps %v, want unknown", d.Answer, d.Gaps)
		}
	}
}

// TestInboundFromAgreesWithSingleAddresses: the exact parts and the answer
// for one address are the same.
func TestInboundFromAgreesWithSingleAddresses(t *testing.T) {
	t.Parallel()
	engine := world{objects: []any{policyObject("blocks", `{"podSelector":{},"ingress":[
		{"from":[{"ipBlock":{"cidr":"198.51.100.0/24","except":["198.51.100.64/26"]}}],"ports":[{"port":8080}]},
		{"from":[{"ipBlock":{"cidr":"198.51.100.96/27"}},{"ipBlock":{"cidr":"2001:db8::/32"}}]}]}`)}}.engine(t)
	parts := engine.InboundFrom(netset.AllAddrs(), cartPod(), "tcp", 8080)
	var covered netset.Addrs
	for _, p := range parts {
		if covered.Overlaps(p.Sources) {
			t.Error("parts overlap")
		}
		covered = covered.Union(p.Sources)
	}
	if !covered.Equal(netset.AllAddrs()) {
		t.Error("parts leave sources out")
	}
	for _, s := range []string{"198.51.100.0", "198.51.100.63", "198.51.100.64", "198.51.100.96", "198.51.100.127", "198.51.100.128", "198.51.101.0", "2001:db8::1", "2001:db9::1", "0.0.0.0"} {
		a := netip.MustParseAddr(s)
		want := engine.Inbound(netpol.AtAddress(a), cartPod(), "tcp", 8080).Answer
		for _, p := range parts {
			if p.Sources.Contains(a) && p.Answer != want {
				t.Errorf("%s: part says %s, single address %s", s, p.Answer, want)
			}
		}
	}
}

// FuzzPolicy decodes hostile policies: no panic, and an answer other than
// Unknown has its evidence.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		`{"podSelector":{},"ingress":[]}`, `{"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}]}]}`,
		`{"podSelector":{"matchExpressions":[{"key":"a","operator":"NotIn","values":["b"]}]},"policyTypes":["Egress","X"]}`,
		`{"ingress":[{"ports":[{"port":"http"},{"port":80,"endPort":90,"protocol":"SCTP"},{}]}]}`, `{"ingress":null,"egress":[{}]}`, `[]`,
	} {
		f.Add(seed, uint8(0))
	}
	f.Fuzz(func(t *testing.T, spec string, kind uint8) {
		head := []string{
			`"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy"`, `"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"AdminNetworkPolicy"`,
			`"apiVersion":"policy.networking.k8s.io/v1alpha1","kind":"BaselineAdminNetworkPolicy"`, `"apiVersion":"cilium.io/v2","kind":"CiliumNetworkPolicy"`,
		}[kind%4]
		raw := []byte(fmt.Sprintf(`{%s,"metadata":{"name":"p","namespace":"shop"},"spec":%s}`, head, spec))
		var b estate.Builder
		if !json.Valid(raw) || b.AddKubernetes(cluster, raw, estate.Provenance{Source: azward.SourceKubernetes}) != nil {
			return
		}
		engine := world{objects: []any{json.RawMessage(raw)}}.engine(t)
		for _, from := range []netpol.Endpoint{netpol.AtAddress(netip.MustParseAddr("203.0.113.7")), netpol.BehindNode(), netpol.AtPod(&netpol.Pod{Namespace: "x", Name: "y"})} {
			d := engine.Allowed(from, netpol.AtPod(cartPod()), "tcp", 8080)
			if d.Answer == azward.Unknown && len(d.Gaps) == 0 || d.Answer != azward.Unknown && len(d.DecidedBy) == 0 {
				t.Errorf("%s with evidence %v and gaps %v", d.Answer, d.DecidedBy, d.Gaps)
			}
			if again := engine.Answer(from, netpol.AtPod(cartPod()), "tcp", 8080); again != d.Answer {
				t.Errorf("Answer says %s, Allowed %s", again, d.Answer)
			}
		}
	})
}

func BenchmarkAllPairs(b *testing.B) {
	for _, size := range []struct{ pods, policies, ports int }{{200, 100, 5}, {1000, 100, 20}} {
		benchmarkPairs(b, size.pods, size.policies, size.ports)
	}
}

func benchmarkPairs(b *testing.B, pods, policies, ports int) {
	b.Run(fmt.Sprintf("pods=%d/policies=%d/ports=%d", pods, policies, ports), func(b *testing.B) {
		var objects []any
		for i := range policies {
			objects = append(objects, json.RawMessage(fmt.Sprintf(
				`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"p%d","namespace":"n%d"},"spec":{"podSelector":{"matchLabels":{"app":"a%d"}},
				"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"a%d"}}},{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"n%d"}}}],"ports":[{"port":8000,"endPort":8002}]}]}}`,
				i, i%10, i%20, (i+1)%20, (i+1)%10)))
		}
		var all []*netpol.Pod
		for i := range pods {
			all = append(all, &netpol.Pod{
				Namespace: fmt.Sprintf("n%d", i%10), Name: fmt.Sprint(i), Labels: map[string]string{"app": fmt.Sprintf("a%d", i%20)},
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 244, byte(i / 250), byte(i % 250)})},
			})
		}
		engine := world{objects: objects}.engine(b)
		questions := 0
		for b.Loop() {
			for _, from := range all {
				for _, to := range all {
					for p := range ports {
						engine.Answer(netpol.AtPod(from), netpol.AtPod(to), "tcp", uint16(8000+p))
						questions++
					}
				}
			}
		}
		b.ReportMetric(float64(questions)/b.Elapsed().Seconds(), "flows/s")
	})
}
