package netpol_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
)

const cluster azward.ResourceID = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/test"

// world arranges a cluster: a policy engine, objects, and all listings unless
// partial is set.
type world struct {
	profile string // networkProfile as JSON; "" means calico
	objects []any  // JSON-able, with apiVersion and kind
	partial bool
}

func (w world) engine(t testing.TB) *netpol.Engine {
	t.Helper()
	profile := w.profile
	if profile == "" {
		profile = `{"networkPlugin":"azure","networkPolicy":"calico"}`
	}
	var b estate.Builder
	arm := fmt.Sprintf(`{"id":%q,"type":"Microsoft.ContainerService/managedClusters","properties":{"networkProfile":%s}}`, cluster, profile)
	if err := b.AddARM(json.RawMessage(arm), estate.Provenance{Source: azward.SourceARM}); err != nil {
		t.Fatal(err)
	}
	for _, o := range w.objects {
		raw, ok := o.(json.RawMessage)
		if !ok {
			var err error
			if raw, err = json.Marshal(o); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.AddKubernetes(cluster, raw, estate.Provenance{Source: azward.SourceKubernetes}); err != nil {
			t.Fatal(err)
		}
	}
	if !w.partial {
		b.AddListing(estate.Listing{Scope: cluster, Type: estate.AllTypes, Status: estate.ListingDeclared})
	}
	return netpol.New(b.Build(), cluster)
}

func namespaceObject(name string, labels map[string]string) any {
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name, "labels": labels}}
}

// end reads "namespace/pod" or "ip:ADDRESS".
func end(t testing.TB, pods map[string]*netpol.Pod, name string) netpol.Endpoint {
	t.Helper()
	if address, ok := strings.CutPrefix(name, "ip:"); ok {
		return netpol.AtAddress(netip.MustParseAddr(address))
	}
	p, ok := pods[name]
	if !ok {
		t.Fatalf("no pod %q", name)
	}
	return netpol.AtPod(p)
}

// tally counts how answers compare with what an independent source expects.
type tally struct{ right, unknown, wrong, unsound int }

func (c *tally) count(t *testing.T, name string, got azward.Answer, want bool) {
	t.Helper()
	switch {
	case got == azward.Unknown:
		c.unknown++
	case (got == azward.Yes) == want:
		c.right++
	default:
		c.wrong++
		if want {
			c.unsound++
		}
		if c.wrong <= 20 {
			t.Errorf("%s: got %s, want allowed=%v", name, got, want)
		}
	}
}

func (c *tally) check(t *testing.T, kind string, share float64) {
	t.Helper()
	total := c.right + c.unknown + c.wrong
	t.Logf("%s: %d questions, %d right, %d unknown, %d wrong, of which %d denied where allowed is expected",
		kind, total, c.right, c.unknown, c.wrong, c.unsound)
	if total == 0 {
		t.Fatal("no case was found")
	}
	if c.wrong != 0 {
		t.Errorf("%d answers are wrong", c.wrong)
	}
	if got := float64(c.right) / float64(total); got < share {
		t.Errorf("%.2f%% are right, want %.0f%%", 100*got, 100*share)
	}
}
