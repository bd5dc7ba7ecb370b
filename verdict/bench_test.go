package verdict_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/verdict"
)

// fleet is a tenant of container groups, every third reachable.
func fleet(b *testing.B, workloads int) (*estate.Estate, []azward.ResourceID) {
	b.Helper()
	var builder estate.Builder
	ids := make([]azward.ResourceID, workloads)
	for i := range ids {
		ids[i] = azward.ResourceID(fmt.Sprintf("%s-%d", group, i))
		address := "Public"
		if i%3 > 0 {
			address = "Private"
		}
		body := azward.JSONValue(map[string]any{
			"id": ids[i], "name": ids[i].Name(), "type": "Microsoft.ContainerInstance/containerGroups",
			"properties": map[string]any{
				"osType": "Linux", "instanceView": map[string]any{"state": "Running"},
				"ipAddress": map[string]any{"type": address, "ip": "20.1.2.3", "ports": []any{map[string]any{"port": 22, "protocol": "TCP"}}},
				"containers": []any{map[string]any{"name": "sftp", "properties": map[string]any{
					"image": name + ":5.0.0", "ports": []any{map[string]any{"port": 22, "protocol": "TCP"}},
					"instanceView": map[string]any{"currentState": map[string]any{"state": "Running"}},
				}}},
			},
		})
		if err := builder.AddARM(body, estate.Provenance{Source: azward.SourceARM, APIVersion: "2023-05-01", ReadAt: decidedAt}); err != nil {
			b.Fatal(err)
		}
	}
	image := map[string]any{"digest": digest, "packages": []azward.Package{xz}, "references": []any{map[string]any{"reference": name + ":5.0.0", "resolvedAt": decidedAt}}}
	if err := builder.AddImage(digest, azward.JSONValue(image), estate.Provenance{Source: azward.SourceImage, ReadAt: decidedAt}); err != nil {
		b.Fatal(err)
	}
	builder.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete, ReadAt: decidedAt})
	return builder.Build(), ids
}

// findingsOf an image have the usual profiles.
func findingsOf(findings int) []verdict.Subject {
	vectors := []string{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N", "",
	}
	subjects := make([]verdict.Subject, findings)
	for j := range subjects {
		subjects[j] = subject(func(s *verdict.Subject) {
			s.Finding.ID, s.Finding.Vector, s.Digest = fmt.Sprintf("CVE-2026-%d", j), vectors[j%len(vectors)], digest
		})
	}
	return subjects
}

// Every finding in every workload, each of which runs one image, all verdicts
// held at once as a scan holds them.
func BenchmarkFleet(b *testing.B) {
	const workloads, findings = 1000, 300
	b.Run(fmt.Sprintf("workloads=%d/findings=%d", workloads, findings), func(b *testing.B) {
		e, ids := fleet(b, workloads)
		subjects := findingsOf(findings)
		var memory runtime.MemStats
		for b.Loop() {
			d := verdict.Decider{Estate: e, At: decidedAt}
			all := make([]azward.Verdict, 0, workloads*findings)
			for _, id := range ids {
				for _, s := range subjects {
					s.Workload = id
					all = append(all, d.Decide(s))
				}
			}
			runtime.ReadMemStats(&memory)
			runtime.KeepAlive(all)
		}
		b.ReportMetric(workloads*findings*float64(b.N)/b.Elapsed().Seconds(), "verdicts/s")
		b.ReportMetric(float64(memory.HeapAlloc)/1e6, "MB-heap")
	})
}

// Each workload runs one image: verdicts with their documents.
func BenchmarkDocument(b *testing.B) {
	const workloads, findings = 200, 300
	b.Run(fmt.Sprintf("workloads=%d/findings=%d", workloads, findings), func(b *testing.B) {
		e, ids := fleet(b, workloads)
		subjects := findingsOf(findings)
		for b.Loop() {
			d := verdict.Decider{Estate: e, At: decidedAt}
			for _, id := range ids {
				for _, s := range subjects {
					s.Workload = id
					if _, err := d.Document(s); err != nil {
						b.Fatal(err)
					}
				}
				d.Forget(id)
			}
		}
		b.ReportMetric(workloads*findings*float64(b.N)/b.Elapsed().Seconds(), "verdicts/s")
	})
}
