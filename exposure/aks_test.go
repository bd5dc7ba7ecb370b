package exposure_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/internal/testdata"
)

// TestSharedServiceRules compares with the unit tests of
// kubernetes-sigs/cloud-provider-azure.
func TestSharedServiceRules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data-network/azure/aks-service-nsg"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c struct {
			ID  string
			Env struct {
				Service struct {
					Type                     string            `json:"type"`
					Annotations              map[string]string `json:"annotations"`
					LoadBalancerSourceRanges []string          `json:"loadBalancerSourceRanges"`
				} `json:"service"`
			}
			Queries []struct{ AddsAllowFromInternetRule, AddsDenyAllRule *bool }
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		var s estate.KubernetesService
		s.Spec.Type, s.Spec.LoadBalancerSourceRanges = c.Env.Service.Type, c.Env.Service.LoadBalancerSourceRanges
		s.Metadata.Annotations = c.Env.Service.Annotations
		got := exposure.RulesOf(&s)
		for _, q := range c.Queries {
			switch {
			case q.AddsAllowFromInternetRule != nil && *q.AddsAllowFromInternetRule != got.AllowInternet:
				t.Errorf("%s: allow from internet is %v, want %v", c.ID, got.AllowInternet, *q.AddsAllowFromInternetRule)
			case q.AddsDenyAllRule != nil && *q.AddsDenyAllRule != got.DenyAll:
				t.Errorf("%s: deny all is %v, want %v", c.ID, got.DenyAll, *q.AddsDenyAllRule)
			default:
				right++
			}
		}
	}
	t.Logf("azure/aks-service-nsg: %d of %d right", right, len(files))
	if right == 0 {
		t.Error("no case was asked")
	}
}
