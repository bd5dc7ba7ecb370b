package kql_test

import (
	"fmt"
	"iter"
	"testing"

	"github.com/azward/azward/azuresim/kql"
)

func BenchmarkRun(b *testing.B) {
	const size = 10_000
	rows := make([]map[string]any, size)
	for i := range rows {
		rows[i] = map[string]any{
			"id": fmt.Sprintf("/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm-%05d", size-i), "name": fmt.Sprintf("vm-%05d", size-i),
			"type": "microsoft.compute/virtualmachines", "subscriptionId": fmt.Sprintf("s-%d", i%7),
			"properties": map[string]any{"hardwareProfile": map[string]any{"vmSize": "Standard_B2s"}},
		}
	}
	table := func(string) (iter.Seq[map[string]any], error) {
		return func(yield func(map[string]any) bool) {
			for _, r := range rows {
				if !yield(r) {
					return
				}
			}
		}, nil
	}
	for name, query := range map[string]string{
		"page":      "Resources | where type in~ ('Microsoft.Compute/virtualMachines') | project id, name, type, properties | order by id asc | take 1000",
		"summarize": "Resources | summarize count() by subscriptionId, tostring(properties.hardwareProfile.vmSize)",
	} {
		b.Run(fmt.Sprintf("%s/rows=%d", name, size), func(b *testing.B) {
			q, err := kql.Parse(query)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := q.Run(table); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
