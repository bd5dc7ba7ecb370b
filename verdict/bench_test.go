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

// images are distinct images with findings of the usual profiles.
func images(count, findings int) []*verdict.Findings {
	vectors := []string{
		"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N", "",
	}
	all := make([]*verdict.Findings, count)
	for i := range all {
		subjects := make([]verdict.Subject, findings)
		for j := range subjects {
			subjects[j] = subject(func(s *verdict.Subject) {
				s.Finding.ID, s.Finding.Vector = fmt.Sprintf("CVE-2026-%d", j), vectors[j%len(vectors)]
				s.Image, s.Digest = fmt.Sprintf("%s@sha256:%064d", name, i), azward.Digest(fmt.Sprintf("sha256:%064d", i))
			})
		}
		all[i] = verdict.NewFindings(subjects)
	}
	return all
}

// Every workload against every image: what a registry's findings mean
// wherever they could run.
func BenchmarkWeigh(b *testing.B) {
	const workloads, digests, findings = 1000, 200, 300
	b.Run(fmt.Sprintf("workloads=%d/digests=%d/findings=%d", workloads, digests, findings), func(b *testing.B) {
		e, ids := fleet(b, workloads)
		all := images(digests, findings)
		var into []azward.Result
		var memory runtime.MemStats
		for b.Loop() {
			d := verdict.Decider{Estate: e, At: decidedAt}
			for _, id := range ids {
				for _, image := range all {
					into = d.Weigh(id, "sftp", image, into[:0])
				}
			}
			runtime.ReadMemStats(&memory)
		}
		b.ReportMetric(workloads*digests*findings*float64(b.N)/b.Elapsed().Seconds(), "pairs/s")
		b.ReportMetric(float64(memory.HeapAlloc)/1e6, "MB-heap")
	})
}

// Each workload runs one image: verdicts with their documents.
func BenchmarkDocument(b *testing.B) {
	const workloads, findings = 200, 300
	b.Run(fmt.Sprintf("workloads=%d/findings=%d", workloads, findings), func(b *testing.B) {
		e, ids := fleet(b, workloads)
		image := images(1, findings)[0]
		for b.Loop() {
			d := verdict.Decider{Estate: e, At: decidedAt}
			for _, id := range ids {
				for _, s := range image.Subjects {
					s.Workload, s.Digest = id, digest
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
