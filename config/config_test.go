package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/azward/azward"
	"github.com/azward/azward/config"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	tenant = "11111111-1111-4111-8111-111111111111"
	client = "22222222-2222-4222-8222-222222222222"
	value  = "S3cr3t~value"
)

// secrets are those of a test by name.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, name string, _ *config.Source) (seal.Secret, error) {
	if v, ok := s[name]; ok {
		return seal.NewSecret(v), nil
	}
	return seal.Secret{}, &azward.Error{Kind: azward.KindNotFound, Op: "find secret", Subject: name, Cause: "nobody has it", Remedy: "set it"}
}

func workspace(t *testing.T, known secrets) config.Workspace {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	box := seal.Box{Provider: seal.File(filepath.Join(dir, store.KeyFile))}
	return config.Workspace{Store: s, Connections: connect.Connections{Store: s, Sealer: box}, Secrets: known}
}

func parse(t *testing.T, text string) *config.File {
	t.Helper()
	f, problems := config.Parse(strings.NewReader(text), "azward.yaml")
	if len(problems) > 0 {
		t.Fatal(config.Problems(problems))
	}
	return f
}

const one = `version: 1
connections:
  prod: {tenant: ` + tenant + `, client: ` + client + `, secret: "${{ secrets.azure }}"}
`

func apply(t *testing.T, w config.Workspace, text string) []config.Difference {
	t.Helper()
	plan, err := w.Plan(t.Context(), parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(t.Context(), plan, noon); err != nil {
		t.Fatal(err)
	}
	return plan.Differences
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := workspace(t, secrets{"AZURE_CLIENT_ID": client, "prod_secret": value, "MORE_SUBSCRIPTIONS": "44444444-4444-4444-8444-444444444444, 55555555-5555-4555-8555-555555555555"})
	first := apply(t, w, string(full))
	if len(first) != 11 {
		t.Errorf("%d differences at first, want those of 3 connections, 2 registries, 1 schedule, 1 profile, 1 suppression, 1 retention and 2 criticalities:\n%+v", len(first), first)
	}
	if again := apply(t, w, string(full)); len(again) != 0 {
		t.Errorf("applied again it changes %+v", again)
	}
	prod, secret, err := w.Connections.Credential(t.Context(), "prod")
	if err != nil || secret.Reveal() != value || len(prod.Subscriptions) != 3 {
		t.Errorf("prod has %d subscriptions and the secret %q: %v", len(prod.Subscriptions), secret.Reveal(), err)
	}
	kept, err := config.Load(t.Context(), w.Store)
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Posture.Rules) != 2 || !filepath.IsAbs(kept.Posture.Rules[0]) || kept.Schedules[0].Jitter != 10*time.Minute || !kept.At.Equal(noon) || *kept.Retention != (store.Retention{Scans: retention.Default().Scans, Estates: store.Limit{Count: 10}, Jobs: retention.Default().Jobs, JobLogs: retention.Default().JobLogs, HistoryDays: retention.Default().HistoryDays, AuditDays: 730}) {
		t.Errorf("what is kept: %+v", kept)
	}
	text, err := json.Marshal(kept)
	if err != nil || bytes.Contains(text, []byte(value)) {
		t.Errorf("the secret is kept in plain: %s, %v", text, err)
	}
}

func TestPlanShowsWhatChanges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		text   string
		secret string
		want   []config.Difference
	}{
		{"nothing", one, value, []config.Difference{}},
		{"another_secret", one, "An0ther~value", []config.Difference{
			{Action: config.Change, Kind: "connection", Name: "prod", Fields: []config.Field{{Name: "secret", Was: "(sealed)", Is: "(new value)"}}},
		}},
		{"another_application", strings.Replace(one, client, "33333333-3333-4333-8333-333333333333", 1), value, []config.Difference{
			{Action: config.Change, Kind: "connection", Name: "prod", Fields: []config.Field{{Name: "client", Was: client, Is: "33333333-3333-4333-8333-333333333333"}}},
		}},
		{"renamed", strings.Replace(one, "prod:", "live:", 1), value, []config.Difference{
			{Action: config.Add, Kind: "connection", Name: "live", Fields: []config.Field{
				{Name: "tenant", Is: tenant}, {Name: "client", Is: client}, {Name: "auth", Is: "clientSecret"}, {Name: "cloud", Is: "public"},
			}},
			{Action: config.Remove, Kind: "connection", Name: "prod"},
		}},
		{"a_profile_more", one + "posture: {profile: all}\n", value, []config.Difference{
			{Action: config.Add, Kind: "posture", Name: "profile and rules", Fields: []config.Field{{Name: "profile", Is: "all"}}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			known := secrets{"azure": value}
			w := workspace(t, known)
			apply(t, w, one)
			known["azure"] = tc.secret
			plan, err := w.Plan(t.Context(), parse(t, tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, plan.Differences); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectionsByHandAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := workspace(t, secrets{"azure": value})
	if _, err := w.Connections.Add(t.Context(), connect.Request{Name: "mine", Auth: store.AuthAzureCLI}, noon); err != nil {
		t.Fatal(err)
	}
	apply(t, w, one)
	apply(t, w, "version: 1\nposture: {profile: default}\n")
	list, err := w.Connections.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "mine" {
		t.Errorf("left are %+v, %v; want mine alone", list, err)
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	w := workspace(t, secrets{"azure": value})
	apply(t, w, one)
	if _, list, err := w.Drift(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("drift right after apply: %+v, %v", list, err)
	}
	byHand := connect.Request{Name: "prod", TenantID: tenant, ClientID: client, Auth: store.AuthClientSecret, Cloud: "china"}
	if _, err := w.Connections.Update(t.Context(), byHand, time.Time{}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, list, err := w.Drift(t.Context())
	want := []config.Difference{{Action: config.Change, Kind: "connection", Name: "prod", Fields: []config.Field{{Name: "cloud", Was: "public", Is: "china"}}}}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("%v, drift (-want +got):\n%s", err, diff)
	}
}

// TestIntegration reads an integration of others as it stands.
func TestIntegration(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/jit-integration.yml")
	if err != nil {
		t.Fatal(err)
	}
	w := workspace(t, secrets{
		"azure_client_id": client, "azure_client_secret": value, "azure_tenant_id": tenant,
		"azure_subscription_ids": `["33333333-3333-4333-8333-333333333333","44444444-4444-4444-8444-444444444444"]`,
	})
	apply(t, w, string(text))
	c, secret, err := w.Connections.Credential(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if c.ClientID != client || string(c.TenantID) != tenant || len(c.Subscriptions) != 2 || secret.Reveal() != value {
		t.Errorf("imported as %+v", c)
	}
}

// TestMistakes reads every testdata/bad_*.yaml: its first line is a comment
// with what the first problem must say.
func TestMistakes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad_*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files of mistakes: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want := strings.TrimPrefix(first, "# ")
			_, problems := config.Parse(bytes.NewReader(text), "azward.yaml")
			if len(problems) == 0 {
				t.Fatal("it is read without a problem")
			}
			if got := problems[0].String(); !strings.Contains(got, want) {
				t.Errorf("the problem is\n%s\nand does not say\n%s", got, want)
			}
			if all := config.Problems(problems).Error(); strings.Contains(all, "hunter2") {
				t.Errorf("a secret is quoted: %s", all)
			}
		})
	}
}

func TestUnresolvedSecretNamesItsLine(t *testing.T) {
	t.Parallel()
	w := workspace(t, nil)
	_, err := w.Plan(t.Context(), parse(t, one))
	for _, want := range []string{"azward.yaml:3:", "connections.prod.secret", "azure", "nobody has it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

// TestSchemaAgrees holds the published schema against what Parse takes.
func TestSchemaAgrees(t *testing.T) {
	t.Parallel()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("azward.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("azward.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return err
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			return err
		}
		parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			return err
		}
		return schema.Validate(parsed)
	}
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"full": full, "example": config.Example} {
		if err := valid(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, problems := config.Parse(bytes.NewReader(text), name); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
	for _, name := range []string{"bad_unknown_field", "bad_secret_in_plain", "bad_auth", "bad_version", "bad_suppression", "bad_retention"} {
		text, err := os.ReadFile("testdata/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if valid(text) == nil {
			t.Errorf("%s meets the schema", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/full.yaml", "testdata/jit-integration.yml", "example.yaml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, problems := config.Parse(bytes.NewReader(text), "azward.yaml")
		if (file == nil) && len(problems) == 0 {
			t.Error("nothing was read, and nothing is wrong")
		}
		for _, p := range problems {
			if p.Line < 1 || p.Column < 1 || p.Cause == "" {
				t.Errorf("a problem without place or cause: %+v", p)
			}
		}
	})
}
