package workspace_test

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/workspace"
)

// BenchmarkPosture asks for the pages of an estate of storage accounts, key
// vaults and machines, judged by azward's own rules.
func BenchmarkPosture(b *testing.B) {
	const resources = 5_000
	kept, err := sqlite.Open(b.Context(), b.TempDir())
	ok(b, err)
	b.Cleanup(func() { ok(b, kept.Close()) })
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ok(b, kept.AddConnection(b.Context(), store.Connection{Name: "prod", Kind: store.KindAzure, Cloud: "public", Auth: store.AuthAzureCLI, CreatedAt: now, UpdatedAt: now}))
	ok(b, kept.BeginScan(b.Context(), "scan-1", "prod", now))
	ok(b, kept.SaveEstate(b.Context(), "scan-1", func(w io.Writer) error {
		var e estate.Builder
		kinds := []string{"Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults", "Microsoft.Compute/virtualMachines", "Microsoft.Network/networkSecurityGroups"}
		for i := range resources {
			kind := kinds[i%len(kinds)]
			id := fmt.Sprintf("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg%d/providers/%s/r%d", i%50, kind, i)
			raw := fmt.Sprintf(`{"id":%q,"name":"r%d","type":%q,"location":"westeurope","properties":{"publicNetworkAccess":"Enabled","allowBlobPublicAccess":%t,"supportsHttpsTrafficOnly":true,"minimumTlsVersion":"TLS1_2","networkAcls":{"defaultAction":"Allow"}}}`, id, i, kind, i%3 == 0)
			ok(b, e.AddARM(json.RawMessage(raw), estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-01-01", ReadAt: now}))
		}
		return e.Build().Write(w)
	}))
	ok(b, kept.SaveVerdicts(b.Context(), "scan-1", func(func(store.Decided, error) bool) {}, store.Outcome{State: store.ScanComplete, FinishedAt: now.Add(time.Minute)}))
	fresh := func() *workspace.Workspace {
		return &workspace.Workspace{Store: kept, Now: func() time.Time { return now }}
	}
	b.Run(fmt.Sprintf("evaluate/resources=%d", resources), func(b *testing.B) {
		var held float64
		for b.Loop() {
			w := fresh()
			_, _, err := w.Latest(b.Context(), "")
			ok(b, err)
			before := heap()
			s, err := w.Posture(b.Context(), "")
			ok(b, err)
			held = float64(heap()-before) / (1 << 20)
			b.ReportMetric(float64(s.Counts.Judged()), "results")
			ok(b, w.Close())
		}
		b.ReportMetric(held, "MB-held")
	})
	w := fresh()
	b.Cleanup(func() { ok(b, w.Close()) })
	_, err = w.Posture(b.Context(), "")
	ok(b, err)
	for name, ask := range map[string]func() error{
		"summary": func() error { _, err := w.Posture(b.Context(), ""); return err },
		"rules":   func() error { _, err := w.PostureRules(b.Context(), workspace.PostureQuery{}); return err },
		"results": func() error {
			_, err := w.PostureResults(b.Context(), workspace.PostureQuery{Text: "r4999"})
			return err
		},
		"counts": func() error { _, err := w.CountPosture(b.Context(), workspace.PostureQuery{Text: "r4999"}); return err },
		"facets": func() error { _, err := w.PostureFacets(b.Context()); return err },
		"findings": func() error {
			_, _, err := w.PostureFindings(b.Context(), workspace.PostureQuery{Rule: "storage-no-anonymous-blobs"})
			return err
		},
		"framework": func() error { _, err := w.PostureFramework(b.Context(), "CIS Azure Foundations 6.0", ""); return err },
	} {
		b.Run(fmt.Sprintf("%s/resources=%d", name, resources), func(b *testing.B) {
			for b.Loop() {
				ok(b, ask())
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
