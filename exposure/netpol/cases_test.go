package netpol_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/internal/testdata"
)

type caseEnv struct {
	NamespaceLabels map[string]map[string]string `json:"namespaceLabels"`
	Pods            []struct {
		Namespace, Name, IP string
		Labels              map[string]string
	} `json:"pods"`
	Policies []map[string]any `json:"policies"`
}

func (c caseEnv) build(t testing.TB, ports []netpol.Port) (*netpol.Engine, map[string]*netpol.Pod) {
	t.Helper()
	var w world
	for name, labels := range c.NamespaceLabels {
		w.objects = append(w.objects, namespaceObject(name, labels))
	}
	for _, p := range c.Policies {
		p["apiVersion"], p["kind"] = "networking.k8s.io/v1", "NetworkPolicy" // some cases leave them out
		w.objects = append(w.objects, p)
	}
	pods := map[string]*netpol.Pod{}
	for i, p := range c.Pods {
		address := p.IP
		if address == "" { // the case leaves addresses out: any that no block names will do
			address = fmt.Sprintf("10.244.0.%d", i+1)
		}
		pods[p.Namespace+"/"+p.Name] = &netpol.Pod{
			Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, Ports: ports,
			Addresses: []netip.Addr{netip.MustParseAddr(address)},
		}
	}
	return w.engine(t), pods
}

// TestRecipes asks the outcomes shown in ahmetb/kubernetes-network-policy-recipes.
func TestRecipes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data-network/k8s/recipes"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c tally
	for _, file := range files {
		var v struct {
			ID      string
			Env     caseEnv
			Queries []struct {
				From, To, Protocol, Expect string
				Port                       uint16
			}
		}
		decodeFile(t, file, &v)
		engine, pods := v.Env.build(t, nil)
		for _, q := range v.Queries {
			got := engine.Allowed(end(t, pods, q.From), end(t, pods, q.To), q.Protocol, q.Port)
			c.count(t, fmt.Sprintf("%s %s to %s %s/%d", v.ID, q.From, q.To, q.Protocol, q.Port), got.Answer, q.Expect == "allowed")
			if len(got.DecidedBy) == 0 {
				t.Errorf("%s: no evidence", v.ID)
			}
		}
	}
	c.check(t, "k8s/recipes", 0.99)
}

// TestCyclonus compares with the truth tables of mattfenwick/cyclonus v0.5.6.
func TestCyclonus(t *testing.T) {
	f, err := os.Open(filepath.Join(testdata.Shared(t, "data-network/k8s/cyclonus"), "cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var c tally
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var v struct {
			ID    string
			Steps []struct {
				caseEnv
				Denied, Ports []string
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		for i, step := range v.Steps {
			table(t, &c, fmt.Sprintf("%s step %d", v.ID, i+1), step.caseEnv, step.Denied, step.Ports)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	c.check(t, "k8s/cyclonus", 0.99)
}

func table(t *testing.T, c *tally, name string, env caseEnv, deniedPairs, ports []string) {
	t.Helper()
	denied := map[string]bool{}
	for _, d := range deniedPairs {
		denied[d] = true
	}
	var named []netpol.Port
	for _, p := range ports {
		protocol, number := portOf(t, p)
		named = append(named, netpol.Port{Name: fmt.Sprintf("serve-%d-%s", number, protocol), Protocol: protocol, Number: number})
	}
	engine, pods := env.build(t, named)
	for from, src := range pods {
		for to, dst := range pods {
			for _, p := range ports {
				if from == to {
					continue
				}
				protocol, number := portOf(t, p)
				key := from + ">" + to + ":" + p
				got := engine.Answer(netpol.AtPod(src), netpol.AtPod(dst), protocol, number)
				c.count(t, name+" "+key, got, !denied[key])
			}
		}
	}
}

func portOf(t testing.TB, s string) (protocol string, number uint16) {
	t.Helper()
	protocol, digits, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ToLower(protocol), uint16(n)
}

func decodeFile(t testing.TB, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
