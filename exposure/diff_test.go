package exposure_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

func exposed(name string, answer azward.Answer, flows ...exposure.Flow) exposure.Exposure {
	return exposure.Exposure{Workload: azward.Workload{ID: azward.ResourceID("/subscriptions/s/" + name), Name: name}, Answer: answer, Flows: flows, Summary: "because"}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	https := func(sources ...string) exposure.Flow {
		return exposure.Flow{Protocol: "tcp", Ports: "443", Sources: sources}
	}
	ports := func(p string, sources ...string) exposure.Flow {
		return exposure.Flow{Protocol: "tcp", Ports: p, Sources: sources}
	}
	for _, tc := range []struct {
		name          string
		before, after []exposure.Exposure
		want          []string
	}{
		{"nothing_changed", []exposure.Exposure{exposed("web", azward.Yes, https("0.0.0.0/0"))}, []exposure.Exposure{exposed("web", azward.Yes, https("0.0.0.0/0"))}, nil},
		{"the_case_of_an_id_is_no_change", []exposure.Exposure{exposed("WEB", azward.No)}, []exposure.Exposure{exposed("web", azward.No)}, nil},
		{"opened", []exposure.Exposure{exposed("sql", azward.No)}, []exposure.Exposure{exposed("sql", azward.Yes, https("0.0.0.0/0"))}, []string{"opened sql: because"}},
		{"a_new_workload_that_is_reached", nil, []exposure.Exposure{exposed("sql", azward.Yes)}, []string{"opened sql: because"}},
		{"a_new_workload_that_is_not", nil, []exposure.Exposure{exposed("sql", azward.No)}, nil},
		{"closed_and_gone", []exposure.Exposure{exposed("a", azward.Yes), exposed("b", azward.Yes)}, []exposure.Exposure{exposed("a", azward.No)}, []string{"closed a: because", "removed b: it is gone"}},
		{"unclear_and_cleared", []exposure.Exposure{exposed("a", azward.No), exposed("b", azward.Unknown)}, []exposure.Exposure{exposed("a", azward.Unknown), exposed("b", azward.No)}, []string{"unclear a: because", "cleared b: because"}},
		{
			"another_port",
			[]exposure.Exposure{exposed("web", azward.Yes, https("0.0.0.0/0"))},
			[]exposure.Exposure{exposed("web", azward.Yes, ports("22,443", "0.0.0.0/0"))},
			[]string{"widened web: newly reached: tcp 22 from 0.0.0.0/0"},
		},
		{
			"the_same_set_in_other_pieces",
			[]exposure.Exposure{exposed("web", azward.Yes, ports("80,443", "0.0.0.0/1", "128.0.0.0/1"))},
			[]exposure.Exposure{exposed("web", azward.Yes, ports("443", "0.0.0.0/0"), ports("80", "0.0.0.0/0"))},
			nil,
		},
		{
			"fewer_sources",
			[]exposure.Exposure{exposed("web", azward.Yes, https("203.0.113.0/24"))},
			[]exposure.Exposure{exposed("web", azward.Yes, https("203.0.113.0/25"))},
			[]string{"narrowed web: no longer reached: tcp 443 from 203.0.113.128/25"},
		},
		{
			"a_shared_service_by_its_name",
			[]exposure.Exposure{exposed("web", azward.Yes, https("AzureFrontDoor.Backend"))},
			[]exposure.Exposure{exposed("web", azward.Yes, https("AzureFrontDoor.Backend"), https("203.0.113.9/32"))},
			[]string{"widened web: newly reached: tcp 443 from 203.0.113.9/32"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, c := range exposure.Compare(tc.before, tc.after) {
				got = append(got, fmt.Sprintf("%s %s: %s", c.Kind, c.Workload.Name, c.Summary))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
