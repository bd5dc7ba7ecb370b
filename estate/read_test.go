package estate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/testdata"
)

const (
	subscription = "/subscriptions/11111111-1111-1111-1111-111111111111"
	nsgID        = subscription + "/resourceGroups/shop/providers/Microsoft.Network/networkSecurityGroups/web"
	nsgLine      = `{"source":"arm","apiVersion":"2024-05-01","readAt":"2026-11-20T09:00:00Z","body":{"id":"` + nsgID + `","name":"web","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[]}}}`
	clusterLine  = `{"source":"arm","body":{"id":"` + string(testCluster) + `","name":"prod","type":"Microsoft.ContainerService/managedClusters","properties":{}}}`
	podJSON      = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart","namespace":"shop"},"spec":{"containers":[{"name":"cart","image":"cart:1"}]}}`
)

func read(t testing.TB, name, input string, o estate.ReadOptions) (*estate.Estate, error) {
	t.Helper()
	var b estate.Builder
	err := estate.Read(strings.NewReader(input), name, o, &b)
	return b.Build(), err
}

func mustRead(t testing.TB, name, input string, o estate.ReadOptions) *estate.Estate {
	t.Helper()
	e, err := read(t, name, input, o)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return e
}

func written(t testing.TB, e *estate.Estate) string {
	t.Helper()
	var out bytes.Buffer
	if err := e.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryLineOfAnEstateFileComesBack(t *testing.T) {
	t.Parallel()
	lines := []string{
		`{"source":"msgraph","collection":"servicePrincipals","readAt":"2026-11-20T09:00:00Z","body":{"id":"5f","displayName":"deploy <prod>"}}`,
		`{"source":"export","body":{"id":"` + subscription + `/resourceGroups/shop/providers/Microsoft.Compute/virtualMachines/a","properties":{"x":1.50}}}`,
		`{"source":"kubernetes","cluster":"` + string(testCluster) + `","readAt":"2026-11-20T09:00:00.123Z","body":` + podJSON + `}`,
		`{"source":"resourcegraph","apiVersion":"2022-10-01","body":{"id":"` + subscription + `/resourceGroups/shop/providers/Microsoft.Network/loadBalancers/l","properties":{}}}`,
		nsgLine,
		`{"source":"image","digest":"sha256:ab","body":{"packages":[]}}`,
		`{"source":"listing","scope":"/","type":"*","status":"declared"}`,
		`{"source":"listing","scope":"` + subscription + `","type":"Microsoft.Network/loadBalancers","status":"complete","pages":3,"readAt":"2026-11-20T09:00:00Z"}`,
		`{"source":"listing","scope":"` + subscription + `","type":"Microsoft.Network/publicIPAddresses","status":"complete","via":"resourcegraph"}`,
		`{"source":"gap","scope":"` + subscription + `","kind":"denied","reads":"Microsoft.Web/sites","needs":"Microsoft.Web/sites/read","error":"403","remedy":"grant Reader"}`,
	}
	input := strings.Join(lines, "\n") + "\n"
	e := mustRead(t, "estate.jsonl", input, estate.ReadOptions{})
	if diff := cmp.Diff(input, written(t, e)); diff != "" {
		t.Errorf("read and written (-want +got):\n%s", diff)
	}
	if e.Len() != 5 {
		t.Errorf("%d resources, want 5", e.Len())
	}
}

func TestBrokenInputNamesFileAndLineAndWhatToDo(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := string(enc.EncodeAll([]byte(strings.Repeat(nsgLine+"\n", 50)), nil))
	for _, tc := range []struct {
		name, file, input, subject, cause string
		kind                              azward.Kind
	}{
		{"broken_second_line", "e.jsonl", nsgLine + "\n" + nsgLine[:50] + "\n", "e.jsonl line 2", "not valid JSON", azward.KindBadInput},
		{"broken_first_line", "e.jsonl", nsgLine[:50] + "\n" + nsgLine, "e.jsonl line 1", "not valid JSON", azward.KindBadInput},
		{"truncated_zst", "e.jsonl.zst", packed[:len(packed)/2], "e.jsonl.zst", "cut short", azward.KindBadInput},
		{"truncated_document", "e.json", "[\n{\"id\":\n", "e.json line", "cut short", azward.KindBadInput},
		{"broken_document", "e.json", "[\n{\n\"id\" 1}]", "e.json line 3", "invalid character", azward.KindBadInput},
		{"arm_line_without_id", "e.jsonl", clusterLine + "\n" + `{"source":"arm","body":{"name":"x"}}`, "e.jsonl line 2", "it has no id", azward.KindBadInput},
		{"arm_line_without_body", "e.jsonl", `{"source":"arm"}`, "e.jsonl line 1", "body is not an object", azward.KindBadInput},
		{"listing_with_odd_status", "e.jsonl", `{"source":"listing","scope":"/","type":"a/b","status":"done"}`, "e.jsonl line 1", "complete, partial or declared", azward.KindBadInput},
		{"listing_without_type", "e.jsonl", `{"source":"listing","scope":"/","status":"complete"}`, "e.jsonl line 1", "names the type", azward.KindBadInput},
		{"bad_time", "e.jsonl", `{"source":"arm","readAt":"yesterday","body":{}}`, "e.jsonl line 1", "readAt", azward.KindBadInput},
		{"too_deep", "e.jsonl", `{"source":"arm","body":` + strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300) + "}", "e.jsonl line 1", "nests deeper", azward.KindBadInput},
		{"broken_yaml", "m.yaml", "kind: Pod\n---\na: {{ .Values.x }}\n", "m.yaml document at line 2", "", azward.KindBadInput},
		{"duplicate_yaml_key", "m.yaml", "kind: Pod\nkind: Service\n", "m.yaml document at line 1", "already set", azward.KindBadInput},
		{"yaml_alias_bomb", "m.yaml", aliasBomb(), "m.yaml document at line 1", "aliasing", azward.KindBadInput},
		{"utf_16", "e.json", "\xff\xfe{\x00}\x00", "e.json", "not UTF-8", azward.KindBadInput},
		{"html", "e.json", "<html>no</html>", "e.json document at line 1", "neither JSON nor", azward.KindBadInput},
		{"manifest_without_cluster", "p.json", podJSON, "p.json line 1", "which cluster", azward.KindUsage},
		{"manifest_with_two_clusters", "p.jsonl", clusterLine + "\n" + strings.ReplaceAll(clusterLine, "prod", "test") + "\n" + podJSON, "p.jsonl line 3", "2 clusters", azward.KindUsage},
		{"stray_bracket", "e.json", "[\n{}\n]\n]", "e.json line", "", azward.KindBadInput},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, tc.file, tc.input, estate.ReadOptions{})
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v is no *azward.Error", err)
			}
			if e.Kind != tc.kind || !strings.HasPrefix(e.Subject, tc.subject) || !strings.Contains(e.Cause, tc.cause) || e.Remedy == "" {
				t.Errorf("got kind %v, subject %q, cause %q, remedy %q", e.Kind, e.Subject, e.Cause, e.Remedy)
			}
		})
	}
}

// aliasBomb would unfold to ten to the ninth values.
func aliasBomb() string {
	var out strings.Builder
	out.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&out, "a%d: &a%d [%s*a%d]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), i-1)
	}
	return out.String()
}

func TestDecompressedSizeIsBounded(t *testing.T) {
	t.Parallel()
	_, err := read(t, "e.jsonl", strings.Repeat(nsgLine+"\n", 100), estate.ReadOptions{MaxBytes: 1000})
	if azward.KindOf(err) != azward.KindBadInput || !strings.Contains(err.Error(), "1000 bytes") {
		t.Errorf("error %v", err)
	}
}

// What an export holds that azward does not understand is a gap of its type.
func TestImportForms(t *testing.T) {
	t.Parallel()
	nsg := `{"id":"` + nsgID + `","name":"web","type":"Microsoft.Network/networkSecurityGroups","properties":{"securityRules":[]}}`
	for _, tc := range []struct {
		name, file, input string
		options           estate.ReadOptions
		ids               []string
		gaps              []string // Reads
		listings          []string
	}{
		{"array_of_arm_objects", "a.json", "[\n" + nsg + "\n]", estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"one_arm_object_over_lines", "a.json", strings.ReplaceAll(nsg, ",", ",\n"), estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"objects_one_a_line", "a.jsonl", nsg + "\n\n" + nsg + "\n", estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"arm_list_answer", "a.json", `{"value":[` + nsg + `],"nextLink":"x"}`, estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"az_resource_list", "a.json", `[{"id":"` + nsgID + `","type":"Microsoft.Network/networkSecurityGroups","properties":null}]`, estate.ReadOptions{}, []string{nsgID}, []string{"Microsoft.Network/networkSecurityGroups"}, nil},
		{"object_without_id", "a.json", `[{"type":"Microsoft.Web/sites"},{"type":"Microsoft.Web/sites"},7]`, estate.ReadOptions{}, nil, []string{"Microsoft.Web/sites", "resources"}, nil},
		{"graph_answer_without_its_query", "a.json", `{"totalRecords":1,"count":1,"data":[` + nsg + `],"resultTruncated":"false"}`, estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"graph_answer_with_its_query", "a.json", `{"query":"Resources | where type in~ ('Microsoft.Network/networkSecurityGroups', 'microsoft.network/loadBalancers') | order by id asc","subscriptions":["11111111-1111-1111-1111-111111111111"],"data":[` + nsg + `],"resultTruncated":"false","totalRecords":1}`, estate.ReadOptions{}, []string{nsgID}, nil, []string{"microsoft.network/loadBalancers", "Microsoft.Network/networkSecurityGroups"}},
		{"graph_answer_of_another_filter", "a.json", `{"query":"resources | where type =~ 'a.b/c' | where location == 'westeurope'","subscriptions":["11111111-1111-1111-1111-111111111111"],"data":[],"resultTruncated":"false"}`, estate.ReadOptions{}, nil, nil, nil},
		{"graph_answer_cut_off", "a.json", `{"query":"resources | where type =~ 'a.b/c'","subscriptions":["11111111-1111-1111-1111-111111111111"],"data":[],"resultTruncated":"true"}`, estate.ReadOptions{}, nil, nil, nil},
		{"graph_answer_with_a_next_page", "a.json", `{"query":"resources | where type =~ 'a.b/c'","subscriptions":["11111111-1111-1111-1111-111111111111"],"data":[],"skip_token":"x","total_records":0}`, estate.ReadOptions{}, nil, nil, nil},
		{"graph_table", "a.json", `{"data":{"columns":[{"name":"id"},{"name":"properties"}],"rows":[["` + nsgID + `",{}]]}}`, estate.ReadOptions{}, []string{nsgID}, nil, nil},
		{"manifests", "m.yml", "# a comment\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: cart, namespace: shop}\n...\n--- # more\napiVersion: v1\nkind: Service\nmetadata:\n  name: cart\n  namespace: shop\n", estate.ReadOptions{Cluster: string(testCluster)}, []string{string(testCluster) + "/api/v1/namespaces/shop/pods/cart", string(testCluster) + "/api/v1/namespaces/shop/services/cart"}, nil, nil},
		{"kubectl_list", "l.json", `{"apiVersion":"v1","items":[` + podJSON + `,{"kind":"Pod"}],"kind":"List"}`, estate.ReadOptions{Cluster: "kind"}, []string{"/providers/Microsoft.ContainerService/managedClusters/kind/api/v1/namespaces/shop/pods/cart"}, []string{"resources"}, nil},
		{"typed_list", "l.json", `{"kind":"PodList","apiVersion":"v1","items":[{"metadata":{"name":"cart","namespace":"shop"}}]}`, estate.ReadOptions{Cluster: string(testCluster)}, []string{string(testCluster) + "/api/v1/namespaces/shop/pods/cart"}, nil, nil},
		{"cluster_is_the_only_one", "l.jsonl", podJSON + "\n" + clusterLine, estate.ReadOptions{}, []string{string(testCluster), string(testCluster) + "/api/v1/namespaces/shop/pods/cart"}, nil, nil},
		{"template", "t.json", `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","resources":[{"type":"Microsoft.Web/sites","name":"[x()]","resources":[{"type":"config"}]}]}`, estate.ReadOptions{}, nil, []string{"Microsoft.Web/sites", "config"}, nil},
		{"line_of_a_later_version", "e.jsonl", `{"source":"prophecy","body":{}}`, estate.ReadOptions{}, nil, []string{"prophecy"}, nil},
		{"complete", "l.jsonl", podJSON + "\n" + clusterLine, estate.ReadOptions{Complete: true}, []string{string(testCluster), string(testCluster) + "/api/v1/namespaces/shop/pods/cart"}, nil, []string{"*", "*"}},
		{"name_with_a_slash", "m.json", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a/../b"}}`, estate.ReadOptions{Cluster: string(testCluster)}, nil, []string{"secrets"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := mustRead(t, tc.file, tc.input, tc.options)
			var ids, gaps, listings []string
			for r := range e.All() {
				ids = append(ids, string(r.ID))
			}
			for _, g := range e.Gaps() {
				gaps = append(gaps, g.Reads)
			}
			for _, l := range e.Listings() {
				listings = append(listings, l.Type)
			}
			if diff := cmp.Diff([][]string{tc.ids, tc.gaps, tc.listings}, [][]string{ids, gaps, listings}); diff != "" {
				t.Errorf("ids, gaps, listings (-want +got):\n%s\n%v", diff, e.Gaps())
			}
			again := mustRead(t, "again.jsonl", written(t, e), estate.ReadOptions{})
			if diff := cmp.Diff(written(t, e), written(t, again)); diff != "" {
				t.Errorf("written and read again:\n%s", diff)
			}
		})
	}
}

func TestIncompleteObjectIsNeverTakenForDefaults(t *testing.T) {
	t.Parallel()
	bare := `[{"id":"` + nsgID + `","type":"Microsoft.Network/networkSecurityGroups"}]`
	e := mustRead(t, "a.json", bare, estate.ReadOptions{Complete: true})
	r, ok := e.Resource(nsgID)
	if !ok || !r.Incomplete() {
		t.Fatalf("resource %v, found %t", r, ok)
	}
	if _, err := estate.Decode[struct{}](r); err == nil {
		t.Error("a body without properties was decoded")
	}
	whole := mustRead(t, "b.jsonl", written(t, e)+nsgLine+"\n", estate.ReadOptions{})
	if r, _ := whole.Resource(nsgID); r.Incomplete() {
		t.Error("the whole object did not take the place of the incomplete one")
	}
}

func TestFilesAndFolders(t *testing.T) {
	t.Parallel()
	e := mustRead(t, "estate.jsonl", nsgLine+"\n"+clusterLine, estate.ReadOptions{})
	for _, name := range []string{"estate.jsonl", "estate.jsonl.zst", "estate.jsonl.gz"} {
		folder := t.TempDir()
		path := filepath.Join(folder, name)
		for range 2 { // the second replaces the first
			if err := e.WriteFile(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, ".hidden.json"), []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, from := range []string{path, folder} {
			got, err := estate.Open(t.Context(), estate.ReadOptions{}, from)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(written(t, e), written(t, got)); diff != "" {
				t.Errorf("%s:\n%s", from, diff)
			}
		}
		entries, err := os.ReadDir(folder)
		if err != nil || len(entries) != 2 {
			t.Errorf("%d entries remain (%v), want the file and the hidden one", len(entries), err)
		}
	}
	if err := e.WriteFile(filepath.Join(t.TempDir(), "no", "such")); azward.KindOf(err) != azward.KindFailed || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "e.jsonl")
	if err := e.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if _, err := estate.Open(interrupted, estate.ReadOptions{}, path); azward.KindOf(err) != azward.KindInterrupted {
		t.Errorf("interrupted: %v", err)
	}
	for _, paths := range [][]string{nil, {t.TempDir()}, {filepath.Join(t.TempDir(), "missing.json")}} {
		if _, err := estate.Open(t.Context(), estate.ReadOptions{}, paths...); azward.KindOf(err) != azward.KindUsage {
			t.Errorf("open %v: %v", paths, err)
		}
	}
}

// Every recorded object is there, or a gap says why not.
func TestRecordedObjectsLoadWithoutADrop(t *testing.T) {
	t.Parallel()
	path := testdata.Shared(t, "data-azure/arm-objects-recorded.jsonl.gz")
	e, err := estate.Open(t.Context(), estate.ReadOptions{}, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d resources of %d types, %d gaps, %d workloads", e.Len(), len(e.Types()), len(e.Gaps()), len(e.Workloads()))
	for _, g := range e.Gaps() {
		t.Logf("gap: %s %s: %s", g.Kind, g.Reads, g.Error)
	}
	again := mustRead(t, "again.jsonl", written(t, e), estate.ReadOptions{})
	if diff := cmp.Diff(written(t, e), written(t, again)); diff != "" {
		t.Errorf("written and read again:\n%s", diff)
	}
}
