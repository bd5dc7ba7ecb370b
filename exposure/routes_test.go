package exposure_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/azward/azward/exposure"
	"github.com/azward/azward/internal/testdata"
)

// TestNextHopCases runs the route selections of Microsoft's documents.
func TestNextHopCases(t *testing.T) {
	t.Parallel()
	right, wrong := 0, 0
	for _, raw := range sharedCases(t, "data-network/azure/nexthop") {
		var c struct {
			ID  string
			Env struct {
				Routes []struct{ Source, AddressPrefix, NextHopType, NextHopIPAddress string }
			}
			Queries []struct{ Dst, NextHopType, NextHopIPAddress, MatchedPrefix, RouteSource string }
		}
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		var routes exposure.Routes
		for _, r := range c.Env.Routes {
			address, _ := netip.ParseAddr(r.NextHopIPAddress)
			routes.List = append(routes.List, exposure.Route{
				Source: exposure.RouteSource(r.Source), Prefix: netip.MustParsePrefix(r.AddressPrefix), NextHop: exposure.NextHop(r.NextHopType), Address: address,
			})
		}
		for _, q := range c.Queries {
			got := routes.Next(netip.MustParseAddr(q.Dst))
			address, _ := netip.ParseAddr(q.NextHopIPAddress)
			if got.Route == nil || got.Unclear != "" || string(got.Route.NextHop) != q.NextHopType || got.Route.Address != address ||
				got.Route.Prefix.String() != q.MatchedPrefix || string(got.Route.Source) != q.RouteSource {
				wrong++
				t.Errorf("%s %s: %+v, want %+v", c.ID, q.Dst, got, q)
				continue
			}
			right++
		}
	}
	t.Logf("next hop: %d right, 0 unknown, %d wrong", right, wrong)
}

// sharedCases reads all case files of a folder of the shared data.
func sharedCases(t *testing.T, folder string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, folder), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var all [][]byte
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}
