package scenario_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward/azuresim/scenario"
)

func TestErrorsNameFileAndLine(t *testing.T) {
	t.Parallel()
	settings := "-- scenario.yaml --\nname: x\n"
	for _, tc := range []struct {
		name, input, file string
		line              int
		says              string
	}{
		{"no_settings", "-- arm/a.yaml --\n", "", 0, "no scenario.yaml"},
		{"unknown_field", "a comment\n-- scenario.yaml --\nname: x\ncolour: red\n", "scenario.yaml", 3, "colour"},
		{"broken_yaml", settings + "-- arm/a.yaml --\n- id: /subscriptions/s\n  tags: {a: b\n", "arm/a.yaml", 5, ""},
		{"second_document", settings + "-- arm/a.yaml --\nid: /subscriptions/s\n---\nname: without an id\n", "arm/a.yaml", 6, "no id"},
		{"not_an_arm_id", settings + "-- arm/a.yaml --\nid: vm-1\n", "arm/a.yaml", 4, "not an ARM ID"},
		{"half_a_pair", settings + "-- arm/a.yaml --\nid: /subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines\n", "arm/a.yaml", 4, "pairs"},
		{"unknown_folder", settings + "-- azure/a.yaml --\n", "azure/a.yaml", 3, "not a file of a scenario"},
		{"manifest_without_kind", settings + "-- kubernetes/prod/a.yaml --\napiVersion: v1\n", "kubernetes/prod/a.yaml", 4, "no kind"},
		{"cluster_without_record", settings + "-- kubernetes/prod/a.yaml --\napiVersion: v1\nkind: Pod\n", "kubernetes/prod", 0, "no managed cluster"},
		{"grant_to_nobody", "-- scenario.yaml --\ngrants: [{app: a, role: Reader, scope: /}]\n", "scenario.yaml", 0, "does not have"},
		{"two_records_of_one_id", settings + "-- arm/a.yaml --\n- id: /subscriptions/s\n- id: /SUBSCRIPTIONS/S\n", "", 0, "two records"},
		{"fault_of_no_service", "-- scenario.yaml --\nfaults: [{service: dns}]\n", "scenario.yaml", 0, "service is one of"},
		{"tenant_is_no_guid", "-- scenario.yaml --\ntenant: {id: '{x}'}\n", "scenario.yaml", 0, "not a GUID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := scenario.Parse([]byte(tc.input))
			var at *scenario.Error
			if !errors.As(err, &at) {
				t.Fatalf("got %v", err)
			}
			if at.File != tc.file || at.Line != tc.line || !strings.Contains(at.Msg, tc.says) {
				t.Errorf("got file %q line %d: %s", at.File, at.Line, at.Msg)
			}
		})
	}
}

func TestMinimalFillsInWhatPeopleLeaveOut(t *testing.T) {
	t.Parallel()
	s, err := scenario.Load("minimal")
	if err != nil {
		t.Fatal(err)
	}
	expired, ok := s.App("expired")
	if !ok || len(expired.ObjectID) != 36 || expired.DisplayName != "expired" {
		t.Errorf("app: %+v", expired)
	}
	cluster := "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1/resourcegroups/aks/providers/microsoft.containerservice/managedclusters/prod"
	if len(s.Kubernetes[cluster]) != 7 {
		t.Errorf("cluster objects: %d of %v", len(s.Kubernetes[cluster]), len(s.Kubernetes))
	}
	for _, r := range s.ARM {
		if strings.HasSuffix(r.ID, "/vm-web") && (r.APIVersion != "2024-07-01" || !bytes.Contains(r.Body, []byte(`"type":"Microsoft.Compute/virtualMachines"`)) || bytes.Contains(r.Body, []byte("apiVersion"))) {
			t.Errorf("record: %s %s", r.APIVersion, r.Body)
		}
	}
	if _, err := scenario.Load("nope"); err == nil || !strings.Contains(err.Error(), "minimal") {
		t.Errorf("an unknown name: %v", err)
	}
}

const estateLines = `{"source":"arm","apiVersion":"2024-05-01","body":{"id":"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v","name":"v"}}
{"source":"kubernetes","cluster":"/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c","body":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}}
{"source":"image","digest":"sha256:0","body":{}}
`

func TestEstateFilesPlainAndCompressed(t *testing.T) {
	t.Parallel()
	var zipped, zst bytes.Buffer
	g := gzip.NewWriter(&zipped)
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{g, z} {
		if _, err := w.Write([]byte(estateLines)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"plain": []byte(estateLines), "gzip": zipped.Bytes(), "zstd": zst.Bytes()} {
		s, err := scenario.FromEstate(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(s.ARM) != 1 || len(s.Kubernetes) != 1 || len(s.Notes) != 1 {
			t.Errorf("%s: %d ARM, %d clusters, notes %q", name, len(s.ARM), len(s.Kubernetes), s.Notes)
		}
	}
	for name, data := range map[string][]byte{
		"cut_zstd": zst.Bytes()[:zst.Len()-6], "cut_gzip": zipped.Bytes()[:zipped.Len()-9],
		"no_json": []byte(estateLines + "{\n"), "no_source": []byte("{}\n"), "no_id": []byte(`{"source":"arm","body":{"name":"x"}}`),
	} {
		_, err := scenario.FromEstate(bytes.NewReader(data))
		var at *scenario.Error
		if !errors.As(err, &at) || at.Line == 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What parses has unique, well-formed IDs, and every cluster is one of them.
func FuzzParse(f *testing.F) {
	f.Add([]byte("-- scenario.yaml --\nname: x\n-- arm/a.yaml --\n- id: /subscriptions/s\n---\nid: /subscriptions/s/resourceGroups/g\n"))
	f.Add([]byte("-- scenario.yaml --\napps: [{name: a, secrets: [{value: s}]}]\ngrants: [{app: a, role: Reader, scope: /}]\n"))
	f.Add([]byte("-- scenario.yaml --\nx: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.Parse(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range s.ARM {
			key := strings.ToLower(r.ID)
			if seen[key] || !strings.HasPrefix(r.ID, "/") {
				t.Errorf("ID %q is there twice or is not absolute", r.ID)
			}
			seen[key] = true
		}
		for id := range s.Kubernetes {
			if !seen[id] {
				t.Errorf("objects of cluster %q, which is no record", id)
			}
		}
	})
}

func FuzzFromEstate(f *testing.F) {
	f.Add([]byte(estateLines))
	f.Add([]byte(`{"source":"gap","scope":"/subscriptions/s","needs":"a/read"}`))
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.FromEstate(bytes.NewReader(data))
		if err == nil && (!s.Exact || len(s.Apps) != 1) {
			t.Errorf("an estate file makes %+v", s)
		}
	})
}
