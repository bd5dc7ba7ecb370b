package exposure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
)

// Kinds by which Istio authorises connections.
const (
	meshPolicyKind = "AuthorizationPolicy.security.istio.io"
	meshPeerKind   = "PeerAuthentication.security.istio.io"
)

// meshRoots are the namespaces whose policies hold for the whole mesh: Istio's
// own, and that of the add-on.
//
// Source: https://learn.microsoft.com/azure/aks/istio-about
var meshRoots = []string{"istio-system", "aks-istio-system"}

// meshPolicy is an AuthorizationPolicy or a PeerAuthentication.
//
// Sources: https://istio.io/latest/docs/reference/config/security/authorization-policy/,
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
type meshPolicy struct {
	Spec struct {
		Selector   *estate.LabelSelector `json:"selector"`
		TargetRef  *struct{}             `json:"targetRef"`
		TargetRefs []struct{}            `json:"targetRefs"`
		Action     string                `json:"action"`
		Rules      []meshRule            `json:"rules"`
		MTLS       struct {
			Mode string `json:"mode"`
		} `json:"mtls"`
		PortLevel map[string]struct {
			Mode string `json:"mode"`
		} `json:"portLevelMtls"`
	} `json:"spec"`
}

// meshRule lets its from, to and when hold together; each list is an or.
type meshRule struct {
	From []struct {
		Source map[string][]string `json:"source"`
	} `json:"from"`
	To []struct {
		Operation map[string][]string `json:"operation"`
	} `json:"to"`
	When []struct{} `json:"when"`
}

// mesh appends what a service mesh says at the pod, where its policies may
// select it.
func (k *kubeView) mesh(w *way, in entry, s *shape) {
	if w.answer() == azward.No || in.protocol != "tcp" || s.pod.HostNetwork {
		return // the proxy sees connections of TCP to pods of their own network
	}
	policies, peers := k.e.Objects(k.id, meshPolicyKind, ""), k.e.Objects(k.id, meshPeerKind, "")
	if len(policies)+len(peers) == 0 {
		return
	}
	meshed := k.meshed(s)
	if meshed == azward.No {
		return
	}
	m := meshVerdict{k: k, in: in, s: s}
	for _, r := range policies {
		m.authorize(r)
	}
	for _, r := range peers {
		m.authenticate(r)
	}
	h, gap := m.hop(meshed)
	switch {
	case h.Resource == "":
	case h.Answer == azward.Unknown:
		w.doubt(h, gap)
	default:
		w.hop(h)
	}
}

// meshed answers whether a proxy of the mesh stands before the pod. It is put
// into pods as they are made, so that a template alone says nothing.
func (k *kubeView) meshed(s *shape) azward.Answer {
	for _, c := range slices.Concat(s.spec.Containers, s.spec.InitContainers) {
		if c.Name == "istio-proxy" {
			return azward.Yes
		}
	}
	if kindOf(s.from) != "Pod" {
		return azward.Unknown
	}
	for _, r := range k.e.Objects(k.id, "Namespace", "") {
		if r.Name != s.pod.Namespace {
			continue
		}
		labels, _ := r.At("/metadata/labels/istio.io~1dataplane-mode")
		if strings.Trim(string(labels), `"`) == "ambient" || s.pod.Labels["istio.io/dataplane-mode"] == "ambient" {
			return azward.Unknown // the node's proxy stands there, and a waypoint may
		}
		return azward.No
	}
	return azward.Unknown // a namespace that was not read may be in ambient mode
}

// meshVerdict gathers what policies say of one connection.
type meshVerdict struct {
	k              *kubeView
	in             entry
	s              *shape
	denied, unsure *estate.Resource
	why            string
	allows         []*estate.Resource // that select the pod
	allowed        *estate.Resource   // that lets it in
	unsureAllow    *estate.Resource
}

// selects answers whether a policy holds for the pod.
func (m *meshVerdict) selects(r *estate.Resource, v *meshPolicy) azward.Answer {
	root := slices.Contains(meshRoots, r.Namespace)
	if !root && r.Namespace != m.s.pod.Namespace {
		return azward.No
	}
	if v.Spec.TargetRef != nil || len(v.Spec.TargetRefs) > 0 {
		return azward.Unknown
	}
	if v.Spec.Selector == nil && r.Namespace == meshRoots[0] && r.Namespace != m.s.pod.Namespace {
		return azward.Unknown // a mesh may be told another namespace
	}
	if v.Spec.Selector == nil {
		return azward.Yes
	}
	ok, err := v.Spec.Selector.Matches(m.s.pod.Labels)
	switch {
	case err != nil:
		return azward.Unknown
	case ok:
		return azward.Yes
	}
	return azward.No
}

func (m *meshVerdict) doubt(r *estate.Resource, why string) {
	if m.unsure == nil {
		m.unsure, m.why = r, why
	}
}

func (m *meshVerdict) authorize(r *estate.Resource) {
	v, err := estate.Decode[meshPolicy](r)
	if err != nil {
		m.doubt(r, "the policy has an unexpected shape")
		return
	}
	selected := m.selects(r, v)
	if selected == azward.No {
		return
	}
	match := azward.No
	for i := range v.Spec.Rules {
		match = azward.Any(match, m.matches(&v.Spec.Rules[i]))
	}
	rules := match
	match = azward.All(match, selected)
	switch strings.ToUpper(v.Spec.Action) {
	case "DENY":
		switch match {
		case azward.Yes:
			m.denied = r
		case azward.Unknown:
			m.doubt(r, "whether AuthorizationPolicy "+r.Name+" denies it cannot be told")
		}
	case "", "ALLOW":
		switch {
		case selected == azward.Unknown && rules == azward.Yes:
			m.unsureAllow = r
			return
		case selected == azward.Unknown:
			m.doubt(r, "whether AuthorizationPolicy "+r.Name+" holds for the pod cannot be told")
			return
		}
		m.allows = append(m.allows, r)
		switch match {
		case azward.Yes:
			m.allowed = r
		case azward.Unknown:
			m.unsureAllow = r
		}
	case "AUDIT":
	default:
		if match != azward.No {
			m.doubt(r, "AuthorizationPolicy "+r.Name+" hands the decision to somebody else")
		}
	}
}

// matches answers whether a rule is met by the connection. What requests of
// HTTP say of themselves is not computed.
func (m *meshVerdict) matches(r *meshRule) azward.Answer {
	from, to := azward.Yes, azward.Yes
	if len(r.From) > 0 {
		from = azward.No
		for _, f := range r.From {
			from = azward.Any(from, m.fromSource(f.Source))
		}
	}
	if len(r.To) > 0 {
		to = azward.No
		for _, t := range r.To {
			to = azward.Any(to, m.toOperation(t.Operation))
		}
	}
	when := azward.Yes
	if len(r.When) > 0 {
		when = azward.Unknown
	}
	return azward.All(from, to, when)
}

// fromSource: a caller that is no pod has no identity in the mesh, so that no
// rule for namespaces or principals names it.
func (m *meshVerdict) fromSource(source map[string][]string) azward.Answer {
	answer := azward.Yes
	for field, values := range source {
		one := azward.Unknown
		switch field {
		case "namespaces", "principals", "serviceAccounts":
			pod := m.in.seen.Pod
			switch {
			case pod == nil:
				one = azward.No
			case field == "namespaces" && slices.Contains(values, pod.Namespace) && m.k.hasProxy(pod):
				one = azward.Yes
			case field == "namespaces" && !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "*") || v == pod.Namespace }):
				one = azward.No
			}
		}
		answer = azward.All(answer, one)
	}
	return answer
}

func (m *meshVerdict) toOperation(operation map[string][]string) azward.Answer {
	answer := azward.Yes
	port := strconv.Itoa(int(m.in.port))
	for field, values := range operation {
		one := azward.Unknown
		switch field {
		case "ports":
			one = azward.No
			if slices.Contains(values, port) {
				one = azward.Yes
			}
		case "notPorts":
			one = azward.Yes
			if slices.Contains(values, port) {
				one = azward.No
			}
		}
		answer = azward.All(answer, one)
	}
	return answer
}

// authenticate: strict mode refuses callers without a certificate of the mesh.
func (m *meshVerdict) authenticate(r *estate.Resource) {
	v, err := estate.Decode[meshPolicy](r)
	if err != nil {
		m.doubt(r, "the policy has an unexpected shape")
		return
	}
	if m.selects(r, v) == azward.No {
		return
	}
	mode := v.Spec.MTLS.Mode
	if own, ok := v.Spec.PortLevel[strconv.Itoa(int(m.in.port))]; ok {
		mode = own.Mode
	}
	if !strings.EqualFold(mode, "STRICT") || m.in.seen.Pod != nil && m.k.hasProxy(m.in.seen.Pod) {
		return
	}
	m.doubt(r, "PeerAuthentication "+r.Name+" asks for a certificate of the mesh, and whether the caller has one is not known")
}

// hasProxy reports whether a pod that was read has a proxy of the mesh.
func (k *kubeView) hasProxy(p *netpol.Pod) bool {
	for _, r := range k.e.Objects(k.id, "Pod", p.Namespace) {
		if r.Name != p.Name {
			continue
		}
		v, err := estate.Decode[estate.KubernetesPod](r)
		return err == nil && slices.ContainsFunc(slices.Concat(v.Spec.Containers, v.Spec.InitContainers), func(c estate.PodContainer) bool { return c.Name == "istio-proxy" })
	}
	return false
}

// hop is the mesh's answer; without a resource where no policy concerns the
// connection. A no needs the proxy for certain, every policy read, and a port
// that the proxy is not told to leave alone.
func (m *meshVerdict) hop(meshed azward.Answer) (h Hop, gap azward.Gap) {
	say := func(r *estate.Resource, answer azward.Answer, why string) {
		h = Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Namespace + "/" + r.Name, Answer: answer, Summary: why, Evidence: []azward.Evidence{r.Evidence("/spec", why)}}
		gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/spec", Error: why}
	}
	switch {
	case m.denied != nil:
		say(m.denied, azward.No, "AuthorizationPolicy "+m.denied.Name+" denies it")
	case m.unsure != nil:
		say(m.unsure, azward.Unknown, m.why)
	case len(m.allows) == 0:
		return h, gap
	case m.allowed != nil:
		say(m.allowed, azward.Yes, "AuthorizationPolicy "+m.allowed.Name+" lets it in")
	case m.unsureAllow != nil:
		say(m.unsureAllow, azward.Unknown, "whether AuthorizationPolicy "+m.unsureAllow.Name+" lets it in cannot be told")
	default:
		say(m.allows[0], azward.No, "AuthorizationPolicy "+m.allows[0].Name+" does not let it in")
		if _, missing := m.k.e.Absence(m.k.id, "authorizationpolicies.security.istio.io"); len(missing) > 0 {
			h.Answer, gap = azward.Unknown, missing[0]
			h.Summary += ", and whether another does was not read"
		}
	}
	if h.Answer != azward.No {
		return h, gap
	}
	if meshed != azward.Yes {
		h.Answer = azward.Unknown
		h.Summary = fmt.Sprintf("whether a proxy of the mesh stands before the pod is not certain; if it does: %s", h.Summary)
		gap.Error = h.Summary
	} else if raw, ok := m.s.from.At("/metadata/annotations"); ok && strings.Contains(string(raw), "traffic.sidecar.istio.io/") {
		h.Answer = azward.Unknown
		h.Summary = "annotations of the pod tell the mesh's proxy which ports to leave alone; otherwise: " + h.Summary
		gap.Error = h.Summary
	}
	return h, gap
}
