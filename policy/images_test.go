package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
)

const imageApps = benchSubscription + "/resourceGroups/shop/providers/Microsoft.App/containerApps/"

func containerApp(name string, images ...string) json.RawMessage {
	containers := []map[string]any{}
	for i, image := range images {
		containers = append(containers, map[string]any{"name": string(rune('a' + i)), "image": image})
	}
	return azward.JSONValue(map[string]any{
		"id": imageApps + name, "name": name, "type": "Microsoft.App/containerApps", "location": "westeurope",
		"properties": map[string]any{
			"provisioningState": "Succeeded", "runningStatus": "Running",
			"template": map[string]any{"containers": containers, "scale": map[string]any{"minReplicas": 1}},
		},
	})
}

func imagesEstate(t *testing.T) *estate.Estate {
	t.Helper()
	var b estate.Builder
	arm := estate.Provenance{Source: azward.SourceARM}
	for _, body := range []json.RawMessage{
		containerApp("shop", "contoso.azurecr.io/cart:1.4", "contoso.azurecr.io/gone:1"),
		containerApp("stage", "contoso.azurecr.io/cart:1.4"),
		containerApp("old", "contoso.azurecr.io/old@sha256:"+strings.Repeat("b", 64)),
	} {
		if err := b.AddARM(body, arm); err != nil {
			t.Fatal(err)
		}
	}
	records := map[azward.Digest]string{
		azward.Digest("sha256:" + strings.Repeat("a", 64)): `{"reference":"contoso.azurecr.io/cart:1.4","os":{"id":"debian","version":"12"},"config":{"user":""},"layers":[],"facts":{"healthcheck":"no","searched":3}}`,
		azward.Digest("sha256:" + strings.Repeat("b", 64)): `{"reference":"contoso.azurecr.io/old:7","os":{"id":"debian","version":"10"},"config":{"user":"10001"},"layers":[],"facts":{"healthcheck":"no","searched":3}}`,
		azward.Digest("sha256:" + strings.Repeat("c", 64)): `{"reference":"contoso.azurecr.io/nobody:7","os":{"id":"debian","version":"10"},"config":{"user":""},"facts":{"healthcheck":"no","searched":3}}`,
	}
	for digest, body := range records {
		if err := b.AddImage(digest, json.RawMessage(body), estate.Provenance{Source: azward.SourceImage}); err != nil {
			t.Fatal(err)
		}
	}
	b.AddGap(azward.Gap{Scope: "contoso.azurecr.io/gone:1", Kind: azward.GapDenied, Reads: "the image's packages", Error: "the registry answered 401"})
	return b.Build()
}

// TestImages_that_run_are_judged_where_they_run: an image is judged for each
// container of each workload, and one that nothing runs for none.
func TestImages_that_run_are_judged_where_they_run(t *testing.T) {
	t.Parallel()
	rules := parse(t, `rules:
  - {id: root, title: T, severity: low, types: [Image], passes_when: 'resource.hardening["root-user"].met == true'}
  - {id: ended, title: T, severity: low, types: [image], passes_when: 'resource.hardening["base-end-of-life"].met == true'}
  - {id: debian, title: T, severity: low, types: [Image], fails_when: 'resource.os.id == "debian" && resource.parent().name == "old"'}
`)
	c := policy.NewChecker(imagesEstate(t), policy.CaseTime)
	c.Lifecycle = func(distribution, version string) (azward.Answer, time.Time) {
		if distribution == "debian" && version == "10" {
			return azward.Yes, time.Date(2024, 6, 30, 0, 0, 0, 0, time.UTC)
		}
		return azward.Unknown, time.Time{}
	}
	got := map[string]string{}
	for r := range c.Check(rules) {
		p := r.Posture()
		got[r.Rule.ID+" "+strings.TrimPrefix(string(p.Resource), imageApps)] = p.Result
		for _, e := range p.Evidence {
			if strings.HasPrefix(e.Property, "/hardening") {
				t.Errorf("%s cites %s, which no record holds", p.Rule, e.Property)
			}
		}
		switch {
		case p.Result == "unknown" && (len(p.Gaps) == 0 || p.Reason == ""):
			t.Errorf("%s of %s is unknown without a reason", p.Rule, p.Resource)
		case p.Result == "fail" && len(p.Evidence) == 0:
			t.Errorf("%s of %s fails without evidence", p.Rule, p.Resource)
		}
		if p.Result == "unknown" && strings.HasSuffix(string(p.Resource), "shop/containers/b") && !strings.Contains(p.Reason, "401") {
			t.Errorf("%s: reason %q does not say why the image was not read", p.Resource, p.Reason)
		}
	}
	want := map[string]string{
		"root shop/containers/a": "fail", "root shop/containers/b": "unknown", "root stage/containers/a": "fail", "root old/containers/a": "pass",
		"ended shop/containers/a": "unknown", "ended shop/containers/b": "unknown", "ended stage/containers/a": "unknown", "ended old/containers/a": "fail",
		"debian shop/containers/a": "pass", "debian shop/containers/b": "pass", "debian stage/containers/a": "pass", "debian old/containers/a": "fail",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}
