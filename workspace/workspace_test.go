package workspace_test

import (
	"encoding/json"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/workspace"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) (*workspace.Workspace, *sqlite.Store) {
	t.Helper()
	dir := t.TempDir()
	kept, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	return &workspace.Workspace{Store: kept, Dir: dir, Now: func() time.Time { return day.Add(time.Hour) }}, kept
}

// scanned keeps a finished scan with an estate of these resources; none keeps
// no estate.
func scanned(t *testing.T, kept *sqlite.Store, id, source string, at time.Time, resources ...string) {
	t.Helper()
	ctx := t.Context()
	if err := kept.BeginScan(ctx, id, source, at); err != nil {
		t.Fatal(err)
	}
	if len(resources) > 0 {
		if err := kept.SaveEstate(ctx, id, func(w io.Writer) error { return estateOf(t, at, resources...).Write(w) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := kept.FinishScan(ctx, id, store.Outcome{State: store.ScanComplete, FinishedAt: at.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
}

func estateOf(t *testing.T, at time.Time, resources ...string) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for _, r := range resources {
		if err := b.AddARM(json.RawMessage(r), estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-05-01", ReadAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Build()
}

func connected(t testing.TB, kept *sqlite.Store, name string) {
	t.Helper()
	c := store.Connection{Name: name, Kind: store.KindAzure, Cloud: "public", Auth: store.AuthAzureCLI, CreatedAt: day, UpdatedAt: day}
	if err := kept.AddConnection(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func virtualNetwork(name string) string {
	return `{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/` + name +
		`","name":"` + name + `","type":"Microsoft.Network/virtualNetworks","location":"westeurope","properties":{}}`
}

func TestLatest(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	connected(t, kept, "test")
	scanned(t, kept, "s1", "prod", day, virtualNetwork("old"))
	scanned(t, kept, "s2", "prod", day.Add(time.Hour), virtualNetwork("new"), virtualNetwork("second"))
	scanned(t, kept, "s3", "test", day)
	scanned(t, kept, "s4", "removed", day, virtualNetwork("gone"))
	scanned(t, kept, "s5", "file:export.json", day, virtualNetwork("file"))
	got, gaps, err := w.Latest(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{}
	for _, k := range got {
		sizes[k.Scan.ID] = k.Estate.Len()
	}
	if diff := cmp.Diff(map[string]int{"s2": 2, "s5": 1}, sizes); diff != "" {
		t.Errorf("kept estates (-want +got):\n%s", diff)
	}
	if len(gaps) != 1 || gaps[0].Scope != "test" || gaps[0].Remedy != "azward scan test" {
		t.Errorf("a source without an estate gives the gaps %+v", gaps)
	}
	if _, _, err := w.Latest(t.Context(), "removed"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("a removed connection gives %v", err)
	}
}

func TestEstateIsLoadedOnce(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	scanned(t, kept, "s1", "prod", day, virtualNetwork("a"))
	var all [8]*estate.Estate
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() {
			got, _, err := w.Latest(t.Context(), "prod")
			if err != nil {
				t.Error(err)
				return
			}
			all[i] = got[0].Estate
		})
	}
	wait.Wait()
	for _, e := range all {
		if e != all[0] || e == nil {
			t.Fatal("readers at the same time have different estates")
		}
	}
}

func TestEstatesAreBounded(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	const scans = 12
	var first *estate.Estate
	for i := range scans {
		id := string(rune('a' + i))
		scanned(t, kept, id, "prod", day.Add(time.Duration(i)*time.Minute), virtualNetwork("a"))
		got, _, err := w.Latest(t.Context(), "prod")
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = got[0].Estate
		}
	}
	scan, err := kept.Scan(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.EstateOf(t.Context(), scan)
	if err != nil {
		t.Fatal(err)
	}
	if again.Estate == first {
		t.Error("the oldest of 12 estates is still in memory")
	}
}
