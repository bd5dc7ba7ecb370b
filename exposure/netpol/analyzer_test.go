package netpol_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/internal/testdata"
)

// manifests are the objects of one case folder, lists taken apart.
type manifests struct {
	objects   []any
	workloads map[string]*netpol.Pod // "namespace/name[Kind]"
	seen      map[string]bool        // namespaces that are declared
	used      map[string]bool
}

func readManifests(t testing.TB, dir string) *manifests {
	t.Helper()
	m := &manifests{workloads: map[string]*netpol.Pod{}, seen: map[string]bool{}, used: map[string]bool{}}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range regexp.MustCompile(`(?m)^---.*$`).Split(string(raw), -1) {
			var v any
			if err := yaml.Unmarshal([]byte(doc), &v); err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
			if object, ok := v.(map[string]any); ok {
				m.add(t, object)
			}
		}
	}
	for name := range m.used {
		if !m.seen[name] {
			m.objects = append(m.objects, namespaceObject(name, nil))
		}
	}
	return m
}

func (m *manifests) add(t testing.TB, object map[string]any) {
	t.Helper()
	if items, ok := object["items"].([]any); ok {
		for _, item := range items {
			if object, ok := item.(map[string]any); ok {
				m.add(t, object)
			}
		}
		return
	}
	kind, _ := object["kind"].(string)
	meta, _ := object["metadata"].(map[string]any)
	if meta == nil {
		return
	}
	name, _ := meta["name"].(string)
	ns, _ := meta["namespace"].(string)
	if ns == "" {
		ns = "default"
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "Namespace":
		m.seen[name] = true
	case "NetworkPolicy":
		meta["namespace"] = ns
	case "AdminNetworkPolicy", "BaselineAdminNetworkPolicy":
	case "Pod":
		var v estate.KubernetesPod
		decodeInto(t, raw, &v)
		if len(v.Metadata.OwnerReferences) > 0 {
			owner := v.Metadata.OwnerReferences[0]
			name = owner.Name
			if owner.Kind != "" {
				kind = owner.Kind
			}
		}
		m.workload(ns, name, kind, v.Metadata.Labels, v.Spec)
		return
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job":
		var v estate.KubernetesController
		decodeInto(t, raw, &v)
		m.workload(ns, name, kind, v.Spec.Template.Metadata.Labels, v.Spec.Template.Spec)
		return
	default:
		return
	}
	m.objects = append(m.objects, object)
}

func decodeInto(t testing.TB, raw []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func (m *manifests) workload(ns, name, kind string, labels map[string]string, spec estate.PodSpec) {
	m.used[ns] = true
	key := fmt.Sprintf("%s/%s[%s]", ns, name, kind)
	if _, ok := m.workloads[key]; ok {
		return // further pods of one owner count as one workload
	}
	n := len(m.workloads) + 1
	p := &netpol.Pod{
		Namespace: ns, Name: name, Labels: labels, HostNetwork: spec.HostNetwork,
		// Manifests carry no addresses; any outside the blocks that policies name will do.
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 244, byte(n / 250), byte(n % 250)})},
	}
	for _, c := range spec.Containers {
		for _, port := range c.Ports {
			protocol := strings.ToLower(port.Protocol)
			if protocol == "" {
				protocol = "tcp"
			}
			p.Ports = append(p.Ports, netpol.Port{Name: port.Name, Protocol: protocol, Number: uint16(port.ContainerPort)})
		}
	}
	m.workloads[key] = p
}

type connection struct{ Src, Dst, Allowed string }

// TestNetpolAnalyzer compares with the connection lists of
// np-guard/netpol-analyzer, on every port where its lists or ours could change.
func TestNetpolAnalyzer(t *testing.T) {
	root := testdata.Shared(t, "data-network/k8s/netpol-analyzer")
	dirs, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var c tally
	for _, d := range dirs {
		if d.IsDir() {
			analyzerCase(t, &c, filepath.Join(root, d.Name()))
		}
	}
	c.check(t, "k8s/netpol-analyzer", 0.95)
}

func analyzerCase(t *testing.T, c *tally, dir string) {
	t.Helper()
	var v struct{ Connections []connection }
	decodeFile(t, filepath.Join(dir, "expected.json"), &v)
	m := readManifests(t, filepath.Join(dir, "resources"))
	engine := world{objects: m.objects}.engine(t)
	want, ends := map[[2]string]string{}, map[string]netpol.Endpoint{}
	for name, p := range m.workloads {
		ends[name] = netpol.AtPod(p)
	}
	external(ends, "0.0.0.0-255.255.255.255[External]")
	for _, x := range v.Connections {
		if strings.HasPrefix(x.Src, "{") {
			ingressController(t, c, dir, m, x)
			continue
		}
		for _, name := range []string{x.Src, x.Dst} {
			if strings.HasSuffix(name, "[External]") {
				external(ends, name)
			} else if _, ok := ends[name]; !ok {
				t.Fatalf("%s: no workload %s", dir, name)
			}
		}
		want[[2]string{x.Src, x.Dst}] = x.Allowed
	}
	ports := samplePorts(t, v.Connections)
	for src, from := range ends {
		for dst, to := range ends {
			if src == dst || from.Pod == nil && to.Pod == nil {
				continue
			}
			for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
				for _, port := range ports {
					expected := expects(t, want, src, dst, from, to, protocol, port)
					name := fmt.Sprintf("%s: %s to %s %s/%d", filepath.Base(dir), src, dst, protocol, port)
					c.count(t, name, engine.Answer(from, to, protocol, port), expected)
				}
			}
		}
	}
}

// ingressController asks for a row whose source is the ingress controller,
// which is no part of the manifests: a pod of a namespace, with labels, that no
// policy names. That an Ingress or Route leads to the workload on these ports
// is the source's own finding; policies have to let it in on each.
func ingressController(t *testing.T, c *tally, dir string, m *manifests, x connection) {
	t.Helper()
	const namespace = "ingress-of-nobody"
	to, ok := m.workloads[x.Dst]
	if !ok {
		t.Fatalf("%s: no workload %s", dir, x.Dst)
	}
	engine := world{objects: append(slices.Clone(m.objects), namespaceObject(namespace, nil))}.engine(t)
	controller := &netpol.Pod{Namespace: namespace, Name: "controller", Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 245, 0, 1})}}
	answer := azward.Yes
	for _, port := range samplePorts(t, []connection{x}) {
		if lists(t, x.Allowed, "TCP", port) {
			answer = azward.All(answer, engine.Answer(netpol.AtPod(controller), netpol.AtPod(to), "TCP", port))
		}
	}
	c.count(t, filepath.Base(dir)+": ingress controller to "+x.Dst, answer, true)
}

// external adds the two ends of a range of addresses.
func external(ends map[string]netpol.Endpoint, name string) {
	first, last, _ := strings.Cut(strings.TrimSuffix(name, "[External]"), "-")
	for _, a := range []string{first, last} {
		ends["ip:"+a] = netpol.AtAddress(netip.MustParseAddr(a))
	}
}

func expects(t *testing.T, want map[[2]string]string, src, dst string, from, to netpol.Endpoint, protocol string, port uint16) bool {
	t.Helper()
	for pair, allowed := range want {
		if names(pair[0], src, from) && names(pair[1], dst, to) && lists(t, allowed, protocol, port) {
			return true
		}
	}
	return false
}

func names(pattern, name string, e netpol.Endpoint) bool {
	ranged, ok := strings.CutSuffix(pattern, "[External]")
	if !ok {
		return pattern == name
	}
	first, last, _ := strings.Cut(ranged, "-")
	return e.Pod == nil && !e.Address.Less(netip.MustParseAddr(first)) && !netip.MustParseAddr(last).Less(e.Address)
}

// lists reads "All Connections" or "SCTP 1-9002,9004-65535,TCP 80".
func lists(t *testing.T, allowed, protocol string, port uint16) bool {
	if allowed == "All Connections" {
		return true
	}
	of := ""
	for part := range strings.SplitSeq(allowed, ",") {
		if name, rest, ok := strings.Cut(part, " "); ok {
			of, part = name, rest
		}
		lo, hi := portRange(t, part)
		if of == protocol && lo <= int(port) && int(port) <= hi {
			return true
		}
	}
	return false
}

func portRange(t *testing.T, s string) (lo, hi int) {
	t.Helper()
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	lo, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if hi, err = strconv.Atoi(last); err != nil {
		t.Fatal(err)
	}
	return lo, hi
}

func samplePorts(t *testing.T, connections []connection) []uint16 {
	at := map[int]bool{1: true, 80: true, 8080: true, 12345: true, 65535: true}
	for _, x := range connections {
		if x.Allowed == "All Connections" {
			continue
		}
		for part := range strings.SplitSeq(x.Allowed, ",") {
			if _, rest, ok := strings.Cut(part, " "); ok {
				part = rest
			}
			lo, hi := portRange(t, part)
			at[lo-1], at[lo], at[hi], at[hi+1] = true, true, true, true
		}
	}
	var ports []uint16
	for p := range at {
		if p >= 1 && p <= 65535 {
			ports = append(ports, uint16(p))
		}
	}
	slices.Sort(ports)
	return ports
}
