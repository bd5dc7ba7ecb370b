package exposure

import (
	"encoding/json"
	"fmt"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// FuzzIngress decodes hostile Ingress objects, IngressRoutes, HTTPProxies and
// Services on the way to a pod: no panic, and no certainty without evidence.
func FuzzIngress(f *testing.F) {
	for _, seed := range []string{
		`{"ingressClassName":"nginx","rules":[{"host":"a","http":{"paths":[{"path":"/","backend":{"service":{"name":"cart","port":{"number":80}}}}]}}]}`,
		`{"defaultBackend":{"service":{"name":"cart","port":{"name":"web"}}}}`, `{"rules":[{}]}`, `{"rules":null}`, `[]`,
		`{"type":"LoadBalancer","selector":{"app":"cart"},"ports":[{"port":80,"targetPort":"http","nodePort":30000}],"externalIPs":["203.0.113.1"]}`,
		`{"selector":{"app":"cart"},"ports":[{"port":70000,"targetPort":-1}]}`,
		`{"entryPoints":["websecure"],"routes":[{"kind":"Rule","match":"Host(\x60a\x60)","services":[{"name":"cart","port":"web"}]}],"tls":{}}`,
		`{"virtualhost":{"fqdn":"a"},"routes":[{"conditions":[{"prefix":"/"}],"services":[{"name":"cart","port":80}]}]}`,
	} {
		f.Add(seed, seed)
	}
	archive, err := txtar.ParseFile("testdata/base_ingress.txtar")
	if err != nil {
		f.Fatal(err)
	}
	c := readCase(f, archive)
	f.Fuzz(func(t *testing.T, ingress, svc string) {
		world := exposureCase{arm: c.arm, kubernetes: append([]json.RawMessage{}, c.kubernetes...)}
		for kind, spec := range map[string]string{
			`"apiVersion":"networking.k8s.io/v1","kind":"Ingress"`: ingress, `"apiVersion":"v1","kind":"Service"`: svc,
			`"apiVersion":"traefik.io/v1alpha1","kind":"IngressRoute"`: ingress, `"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy"`: ingress,
		} {
			raw := []byte(fmt.Sprintf(`{%s,"metadata":{"name":"cart","namespace":"shop"},"spec":%s,"status":{"currentStatus":"valid","loadBalancer":{"ingress":[{"ip":"20.50.0.30"}]}}}`, kind, spec))
			var b estate.Builder
			if !json.Valid(raw) || b.AddKubernetes(caseCluster, raw, estate.Provenance{}) != nil {
				return
			}
			world.kubernetes = append(world.kubernetes, raw)
		}
		x := ask(t, world.estate(t, nil), "from internet to deployment/shop/cart")
		if x.Answer != azward.Unknown && len(x.Evidence) == 0 || x.Answer == azward.Unknown && len(x.Gaps) == 0 {
			t.Errorf("%s with evidence %v and gaps %v", x.Answer, x.Evidence, x.Gaps)
		}
		if x.Answer == azward.Yes && len(x.Flows) == 0 {
			t.Error("yes without a flow")
		}
	})
}

func BenchmarkReachKubernetes(b *testing.B) {
	const workloads = 500
	b.Run(fmt.Sprintf("workloads=%d/pods=%d/policies=50", workloads, workloads), func(b *testing.B) {
		archive, err := txtar.ParseFile("testdata/base_ingress.txtar")
		if err != nil {
			b.Fatal(err)
		}
		c := readCase(b, archive)
		for i := range workloads {
			ns := fmt.Sprintf("n%d", i%50)
			c.kubernetes = append(c.kubernetes,
				json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p%d","namespace":%q,"labels":{"app":"a%d"}},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80}]}]},"status":{"phase":"Running","podIP":"10.245.%d.%d"}}`, i, ns, i, i/250, i%250)),
				json.RawMessage(fmt.Sprintf(`{"apiVersion":"v1","kind":"Service","metadata":{"name":"s%d","namespace":%q},"spec":{"selector":{"app":"a%d"},"ports":[{"port":80}]}}`, i, ns, i)),
			)
			if i < 50 {
				c.kubernetes = append(c.kubernetes, json.RawMessage(fmt.Sprintf(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"np","namespace":%q},"spec":{"podSelector":{},"ingress":[{"from":[{"podSelector":{}}]}]}}`, ns)))
			}
		}
		e := c.estate(b, nil)
		all := e.Workloads()
		n := 0
		for b.Loop() {
			for _, w := range all {
				if w.Resource.Cluster != "" {
					reachKubernetes(e, w)
					n++
				}
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "workloads/s")
	})
}
