// Package storetest is the contract of azward's stores: each engine's test
// calls [Run].
package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/google/go-cmp/cmp"
)

// Store is all that an engine does. Callers ask for the few methods they need.
type Store interface {
	AddConnection(context.Context, store.Connection) error
	Connections(context.Context) ([]store.Connection, error)
	Connection(ctx context.Context, name string) (store.Connection, error)
	UpdateConnection(ctx context.Context, c store.Connection, was time.Time) error
	RemoveConnection(ctx context.Context, name string) error
	Setting(ctx context.Context, name string) (json.RawMessage, error)
	SaveSetting(ctx context.Context, name string, doc json.RawMessage, at time.Time) error
	Secrets(context.Context) ([]store.Secret, error)
	SealedSecret(ctx context.Context, name string) ([]byte, error)
	SaveSecret(ctx context.Context, name string, sealed []byte, at time.Time) error
	RemoveSecret(ctx context.Context, name string) error

	BeginScan(ctx context.Context, id, source string, startedAt time.Time) error
	FinishScan(ctx context.Context, id string, outcome store.Outcome) error
	InterruptScans(ctx context.Context, at time.Time) (int64, error)
	Scan(ctx context.Context, id string) (store.Scan, error)
	Scans(ctx context.Context, limit int) ([]store.Scan, error)

	Layer(ctx context.Context, key string) ([]byte, bool, error)
	SaveLayer(ctx context.Context, key string, doc []byte) error

	Image(context.Context, azward.Digest) (store.ScannedImage, bool, error)
	HasImage(ctx context.Context, digest azward.Digest, version string) (bool, error)
	SaveImage(context.Context, store.ScannedImage) error
	Packages(context.Context) (map[store.PackageID]azward.Package, error)
	Contents(context.Context) iter.Seq2[store.Contents, error]

	Registries(context.Context) (map[string]time.Time, error)
	SaveListing(context.Context, store.Listing) (store.Moves, error)
	Tags(ctx context.Context, registry, repository string) ([]store.Tag, error)
	SaveManifests(ctx context.Context, registry string, list []store.Manifest) error
	Manifests(ctx context.Context, registry string) ([]store.Manifest, error)

	SaveVerdicts(ctx context.Context, scan string, verdicts iter.Seq2[store.Decided, error], outcome store.Outcome) error
	Verdicts(context.Context, store.Filter) iter.Seq2[azward.Verdict, error]
	CountVerdicts(context.Context, store.Filter) (store.Counts, error)
	Verdict(context.Context, azward.VerdictID) (azward.Verdict, error)
	Proof(context.Context, azward.VerdictID) ([]byte, error)

	Dismiss(context.Context, azward.VerdictID, azward.Dismissal) error
	Reopen(context.Context, azward.VerdictID) error
	Dismissals(context.Context) (map[azward.VerdictID]azward.Dismissal, error)
	SaveChanges(ctx context.Context, scan string, changes iter.Seq2[[]byte, error]) error
	SavePosture(ctx context.Context, scan string, tally json.RawMessage, open []byte) error
	Postures(ctx context.Context, source string, limit int) ([]store.Posture, error)
	OpenPosture(ctx context.Context, scan string) ([]byte, error)
	Changes(ctx context.Context, source string) iter.Seq2[[]byte, error]
	LastFinished(ctx context.Context, source string) (time.Time, error)

	SaveEstate(ctx context.Context, scan string, write func(io.Writer) error) error
	OpenEstate(ctx context.Context, scan string) (io.ReadCloser, error)

	Sweeper
	Consents
	History

	Close() error
}

// Run checks an engine. Open gives a store over dir, the same one again when
// dir is the same, as a restarted process would; the suite closes it.
func Run(t *testing.T, open func(t *testing.T, dir string) Store) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, Store)
	}{
		{"connections", connections},
		{"connection_errors", connectionErrors},
		{"connection_update", connectionUpdate},
		{"settings", settings},
		{"secrets", secrets},
		{"scans", scans},
		{"scans_left_by_a_crash", interrupted},
		{"layers", layers},
		{"images_share_their_packages", images},
		{"registry_over_time", registryOverTime},
		{"manifests", manifests},
		{"verdicts_replace_those_of_their_source", replace},
		{"verdicts_stand_when_saving_fails", stand},
		{"verdict_filters", filters},
		{"verdict_pages", pages},
		{"proofs", proofs},
		{"dismissals", dismissals},
		{"changes", changes},
		{"postures", postures},
		{"estates", estates},
		{"estate_that_fails", estateFails},
		{"consents", consents},
		{"history_of_verdicts", verdictHistory},
		{"sweep_of_scans", sweptScans},
		{"sweep_of_estates", sweptEstates},
		{"sweep_of_jobs", sweptJobs},
		{"sweep_of_the_audit_log", sweptAudit},
		{"concurrent_use", concurrent},
		{"cancelled", cancelled},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir())
			defer closeStore(t, s)
			part.test(t, s)
		})
	}
	t.Run("survives_a_restart", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		first := open(t, dir)
		save(t, first, "s1", "prod", decided("cart", "CVE-2021-44228", azward.Yes, azward.SeverityCritical))
		closeStore(t, first)
		second := open(t, dir)
		defer closeStore(t, second)
		if got := list(t, second, store.Filter{}); len(got) != 1 {
			t.Errorf("%d verdicts after a restart, want 1", len(got))
		}
	})
}

func closeStore(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

var (
	// noon has nanoseconds: they must come back.
	noon = time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC)
	prod = store.Connection{
		Name: "prod", Kind: store.KindAzure, TenantID: "11111111-1111-4111-8111-111111111111",
		ClientID: "22222222-2222-4222-8222-222222222222", Cloud: "public", Auth: store.AuthClientSecret,
		Sealed: []byte("\x00sealed\xff"), CreatedAt: noon, UpdatedAt: noon.Add(time.Hour),
	}
	cli     = store.Connection{Name: "cli", Kind: store.KindAzure, CloudConfig: "/etc/cloud.json", Auth: store.AuthAzureCLI, CreatedAt: noon, UpdatedAt: noon}
	outcome = store.Outcome{State: store.ScanComplete, FinishedAt: noon.Add(time.Minute)}
)

func connections(t *testing.T, s Store) {
	ctx := t.Context()
	if got := must(s.Connections(ctx))(t); len(got) != 0 {
		t.Errorf("a new store has connections: %v", got)
	}
	check(t, s.AddConnection(ctx, prod))
	check(t, s.AddConnection(ctx, cli))
	same(t, []store.Connection{cli, prod}, must(s.Connections(ctx))(t))
	same(t, prod, must(s.Connection(ctx, "prod"))(t))
	save(t, s, "s1", "prod", decided("cart", "CVE-2021-44228", azward.Yes, azward.SeverityHigh))
	save(t, s, "s2", "cli", decided("shop", "CVE-2021-44228", azward.Yes, azward.SeverityHigh))
	check(t, s.RemoveConnection(ctx, "prod"))
	same(t, []store.Connection{cli}, must(s.Connections(ctx))(t))
	same(t, []string{"shop CVE-2021-44228"}, list(t, s, store.Filter{}))
	same(t, 2, len(must(s.Scans(ctx, 10))(t))) // history stays
}

func connectionErrors(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.AddConnection(ctx, prod))
	other := prod
	other.ClientID = "33333333-3333-4333-8333-333333333333"
	advice(t, s.AddConnection(ctx, other), azward.KindConflict)
	same(t, prod, must(s.Connection(ctx, "prod"))(t)) // as it was
	_, err := s.Connection(ctx, "Prod")
	advice(t, err, azward.KindNotFound)
	advice(t, s.RemoveConnection(ctx, "nobody"), azward.KindNotFound)
	other.UpdatedAt = prod.UpdatedAt.Add(time.Hour)
	advice(t, s.UpdateConnection(ctx, other, noon), azward.KindConflict) // seen too long ago
	same(t, prod, must(s.Connection(ctx, "prod"))(t))
	other.Name = "nobody"
	advice(t, s.UpdateConnection(ctx, other, prod.UpdatedAt), azward.KindNotFound)
}

func connectionUpdate(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.AddConnection(ctx, prod))
	changed := prod
	changed.ClientID, changed.Auth, changed.Sealed = "33333333-3333-4333-8333-333333333333", store.AuthManagedIdentity, nil
	changed.Subscriptions = []azward.SubscriptionID{"44444444-4444-4444-8444-444444444444"}
	changed.UpdatedAt = prod.UpdatedAt.Add(time.Minute)
	check(t, s.UpdateConnection(ctx, changed, prod.UpdatedAt))
	same(t, changed, must(s.Connection(ctx, "prod"))(t))
}

func secrets(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.SealedSecret(ctx, "azure")
	advice(t, err, azward.KindNotFound)
	check(t, s.SaveSecret(ctx, "azure", []byte("\x00one"), noon))
	check(t, s.SaveSecret(ctx, "azure", []byte("\x00two"), noon.Add(time.Second)))
	same(t, []byte("\x00two"), must(s.SealedSecret(ctx, "azure"))(t))
	same(t, []store.Secret{{Name: "azure", UpdatedAt: noon.Add(time.Second)}}, must(s.Secrets(ctx))(t))
	check(t, s.RemoveSecret(ctx, "azure"))
	advice(t, s.RemoveSecret(ctx, "azure"), azward.KindNotFound)
	same(t, 0, len(must(s.Secrets(ctx))(t)))
}

func settings(t *testing.T, s Store) {
	ctx := t.Context()
	same(t, json.RawMessage(nil), must(s.Setting(ctx, "posture"))(t))
	check(t, s.SaveSetting(ctx, "posture", json.RawMessage(`{"profile":"default"}`), noon))
	check(t, s.SaveSetting(ctx, "posture", json.RawMessage(`{"profile":"all"}`), noon))
	same(t, json.RawMessage(`{"profile":"all"}`), must(s.Setting(ctx, "posture"))(t))
	check(t, s.SaveSetting(ctx, "posture", nil, noon))
	same(t, json.RawMessage(nil), must(s.Setting(ctx, "posture"))(t))
}

func scans(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.BeginScan(ctx, "one", "prod", noon))
	check(t, s.BeginScan(ctx, "two", "export.json", noon.Add(time.Nanosecond)))
	same(t, store.Scan{ID: "one", Source: "prod", State: store.ScanRunning, StartedAt: noon}, must(s.Scan(ctx, "one"))(t))
	end := store.Outcome{State: store.ScanPartial, FinishedAt: noon.Add(time.Minute), Gaps: 3, Counts: json.RawMessage(`{"images":7}`)}
	check(t, s.FinishScan(ctx, "one", end))
	same(t, store.Scan{
		ID: "one", Source: "prod", State: store.ScanPartial, StartedAt: noon, FinishedAt: noon.Add(time.Minute),
		Gaps: 3, Counts: json.RawMessage(`{"images":7}`),
	}, must(s.Scan(ctx, "one"))(t))
	var ids []string
	for _, scan := range must(s.Scans(ctx, 10))(t) {
		ids = append(ids, scan.ID)
	}
	same(t, []string{"two", "one"}, ids)
	same(t, 1, len(must(s.Scans(ctx, 1))(t)))

	advice(t, s.BeginScan(ctx, "one", "prod", noon), azward.KindConflict)
	advice(t, s.BeginScan(ctx, "../one", "prod", noon), azward.KindUsage)
	advice(t, s.FinishScan(ctx, "one", end), azward.KindNotFound) // it no longer runs
	_, err := s.Scan(ctx, "three")
	advice(t, err, azward.KindNotFound)
}

func interrupted(t *testing.T, s Store) {
	ctx := t.Context()
	save(t, s, "done", "prod")
	check(t, s.BeginScan(ctx, "killed", "prod", noon))
	same(t, int64(1), must(s.InterruptScans(ctx, noon.Add(time.Hour)))(t))
	killed := must(s.Scan(ctx, "killed"))(t)
	same(t, store.ScanInterrupted, killed.State)
	same(t, noon.Add(time.Hour), killed.FinishedAt)
	same(t, store.ScanComplete, must(s.Scan(ctx, "done"))(t).State)
	same(t, int64(0), must(s.InterruptScans(ctx, noon))(t))
}

func layers(t *testing.T, s Store) {
	ctx := t.Context()
	if doc, found, err := s.Layer(ctx, "v1/sha256:00"); doc != nil || found || err != nil {
		t.Errorf("a new store gives %q, %t, %v", doc, found, err)
	}
	for _, doc := range [][]byte{[]byte(`{"a":1}`), {}, bytes.Repeat([]byte(`{"long":true}`), 100_000)} {
		check(t, s.SaveLayer(ctx, "v1/sha256:00", doc))
		got, found, err := s.Layer(ctx, "v1/sha256:00")
		if !found || err != nil || !bytes.Equal(got, doc) {
			t.Errorf("saved %d bytes, got %d, %t, %v", len(doc), len(got), found, err)
		}
	}
}

func replace(t *testing.T, s Store) {
	save(t, s, "s1", "prod", decided("cart", "CVE-1", azward.Yes, azward.SeverityHigh), decided("cart", "CVE-2", azward.No, azward.SeverityLow))
	save(t, s, "s2", "test", decided("cart", "CVE-1", azward.Unknown, azward.SeverityHigh))
	same(t, []string{"cart CVE-1", "cart CVE-1", "cart CVE-2"}, list(t, s, store.Filter{}))
	save(t, s, "s3", "prod", decided("cart", "CVE-1", azward.No, azward.SeverityHigh))
	same(t, []string{"cart CVE-1", "cart CVE-1"}, list(t, s, store.Filter{}))
	same(t, store.Counts{azward.NotExploitable: 1}, must(s.CountVerdicts(t.Context(), store.Filter{Source: "prod"}))(t))

	want := decided("cart", "CVE-1", azward.No, azward.SeverityHigh).Verdict
	save(t, s, "s4", "prod", store.Decided{Verdict: want})
	for got, err := range s.Verdicts(t.Context(), store.Filter{Source: "prod"}) {
		check(t, err)
		same(t, want, got)
	}
	// The same ID from two sources: the latest scan's.
	same(t, want, must(s.Verdict(t.Context(), want.ID))(t))
	_, err := s.Verdict(t.Context(), "v-0000000000000000")
	advice(t, err, azward.KindNotFound)
	advice(t, s.SaveVerdicts(t.Context(), "never begun", sequence(), outcome), azward.KindNotFound)
}

func stand(t *testing.T, s Store) {
	ctx := t.Context()
	before := decided("cart", "CVE-1", azward.Yes, azward.SeverityHigh)
	before.Proof = store.Document{{Text: []byte("the proof")}}
	save(t, s, "s1", "prod", before)

	check(t, s.BeginScan(ctx, "s2", "prod", noon))
	broken := errors.New("the engine broke")
	err := s.SaveVerdicts(ctx, "s2", func(yield func(store.Decided, error) bool) {
		if yield(decided("shop", "CVE-1", azward.No, azward.SeverityHigh), nil) {
			yield(store.Decided{}, broken)
		}
	}, outcome)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the sequence's own error", err)
	}
	stopped, cancel := context.WithCancel(ctx)
	defer cancel()
	err = s.SaveVerdicts(stopped, "s2", func(yield func(store.Decided, error) bool) {
		for i := range 100 {
			if i == 50 {
				cancel() // Ctrl-C in the middle
			}
			if !yield(decided(fmt.Sprint("w", i), "CVE-1", azward.No, azward.SeverityHigh), nil) {
				return
			}
		}
	}, outcome)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	same(t, []string{"cart CVE-1"}, list(t, s, store.Filter{}))
	same(t, "the proof", string(must(s.Proof(ctx, before.Verdict.ID))(t)))
	same(t, store.ScanRunning, must(s.Scan(ctx, "s2"))(t).State)
	check(t, s.FinishScan(ctx, "s2", store.Outcome{State: store.ScanFailed, FinishedAt: noon}))
}

func filters(t *testing.T, s Store) {
	log4shell := decided("cart", "CVE-2021-44228", azward.Yes, azward.SeverityCritical)
	log4shell.Verdict.Finding.Aliases = []string{"GHSA-jfh8-c2jp-5v3q"}
	log4shell.Verdict.Finding.PURL, log4shell.Verdict.Finding.KEV = "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", true
	save(t, s, "s1", "prod",
		decided("cart", "CVE-3", azward.No, azward.SeverityLow),
		decided("cart", "CVE-2", azward.Unknown, azward.SeverityUnknown),
		log4shell,
		decided("cart2", "CVE-2021-44228", azward.No, azward.SeverityCritical),
		decided("cart2", "CVE-4", azward.Yes, azward.SeverityMedium),
	)
	for _, tc := range []struct {
		name   string
		filter store.Filter
		want   []string
	}{
		{"everything_in_order", store.Filter{}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart CVE-2", "cart2 CVE-2021-44228", "cart CVE-3"}},
		{"exploitable", store.Filter{Exploitable: []azward.Answer{azward.Yes}}, []string{"cart CVE-2021-44228", "cart2 CVE-4"}},
		{"not_settled_as_no", store.Filter{Exploitable: []azward.Answer{azward.Yes, azward.Unknown}}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart CVE-2"}},
		{"results", store.Filter{Results: []azward.Result{azward.Undecided, azward.Exploitable}}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart CVE-2"}},
		{"severe", store.Filter{MinSeverity: azward.SeverityMedium}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart2 CVE-2021-44228"}},
		{"any_severity", store.Filter{MinSeverity: azward.SeverityUnknown, Limit: 3}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart CVE-2"}},
		{"vulnerability", store.Filter{Vulnerability: "cve-2021-44228"}, []string{"cart CVE-2021-44228", "cart2 CVE-2021-44228"}},
		{"alias", store.Filter{Vulnerability: "ghsa-JFH8-c2jp-5v3q"}, []string{"cart CVE-2021-44228"}},
		{"workload_and_not_its_namesake", store.Filter{Workload: workload("CART").ID}, []string{"cart CVE-2021-44228", "cart CVE-2", "cart CVE-3"}},
		{"scope_above", store.Filter{Workload: "/Subscriptions/S"}, []string{"cart CVE-2021-44228", "cart2 CVE-4", "cart CVE-2", "cart2 CVE-2021-44228", "cart CVE-3"}},
		{"other_subscription", store.Filter{Workload: "/subscriptions/s2"}, nil},
		{"wildcards_are_letters", store.Filter{Workload: "/subscriptions/%"}, nil},
		{"source", store.Filter{Source: "test"}, nil},
		{"text_of_the_package", store.Filter{Text: "Log4J-core"}, []string{"cart CVE-2021-44228"}},
		{"text_of_an_alias", store.Filter{Text: "jfh8"}, []string{"cart CVE-2021-44228"}},
		{"text_of_the_workload", store.Filter{Text: "CART2"}, []string{"cart2 CVE-4", "cart2 CVE-2021-44228"}},
		{"text_has_no_wildcards", store.Filter{Text: "%"}, nil},
		{"known_to_be_exploited", store.Filter{Known: true}, []string{"cart CVE-2021-44228"}},
		{"several_at_once", store.Filter{Source: "prod", Vulnerability: "CVE-2021-44228", Exploitable: []azward.Answer{azward.No}, MinSeverity: azward.SeverityHigh, Workload: "/subscriptions/s"}, []string{"cart2 CVE-2021-44228"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			same(t, tc.want, list(t, s, tc.filter))
			tc.filter.Limit = 0
			counts := must(s.CountVerdicts(t.Context(), tc.filter))(t)
			total := 0
			for _, n := range counts {
				total += n
			}
			same(t, len(list(t, s, tc.filter)), total)
		})
	}
}

func pages(t *testing.T, s Store) {
	var all []store.Decided
	for i := range 50 {
		all = append(all, decided(fmt.Sprint("w", i%7), fmt.Sprint("CVE-", i),
			[]azward.Answer{azward.Yes, azward.No, azward.Unknown}[i%3], []azward.Severity{azward.SeverityHigh, azward.SeverityLow}[i%2]))
	}
	save(t, s, "s1", "prod", all...)
	want := list(t, s, store.Filter{})
	var got []string
	filter := store.Filter{Limit: 7}
	for range 8 {
		for v, err := range s.Verdicts(t.Context(), filter) {
			check(t, err)
			got = append(got, label(v))
			filter.After = store.CursorOf(v)
		}
	}
	same(t, 50, len(want))
	same(t, want, got)
	for _, err := range s.Verdicts(t.Context(), store.Filter{}) { // leaving early frees what it held
		check(t, err)
		break
	}
}

func proofs(t *testing.T, s Store) {
	with, without := decided("cart", "CVE-1", azward.Yes, azward.SeverityHigh), decided("cart", "CVE-2", azward.Yes, azward.SeverityHigh)
	facts := strings.Repeat("facts of the workload, ", 1000)
	with.Proof = store.Document{{Text: []byte("{ \"bytes\":  ")}, {Text: []byte(facts), Shared: true}, {}, {Text: []byte("as they were"), Shared: true}, {Text: []byte("}\n")}}
	third := decided("cart", "CVE-3", azward.Yes, azward.SeverityHigh)
	third.Proof = store.Document{{Text: []byte(facts), Shared: true}}
	save(t, s, "s1", "prod", with, without, third)
	same(t, "{ \"bytes\":  "+facts+"as they were}\n", string(must(s.Proof(t.Context(), with.Verdict.ID))(t)))
	same(t, facts, string(must(s.Proof(t.Context(), third.Verdict.ID))(t)))
	_, err := s.Proof(t.Context(), without.Verdict.ID)
	advice(t, err, azward.KindNotFound)
	save(t, s, "s2", "prod", without)
	_, err = s.Proof(t.Context(), with.Verdict.ID)
	advice(t, err, azward.KindNotFound)
}

func estates(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.BeginScan(ctx, "s1", "prod", noon))
	content := strings.Repeat(`{"source":"arm"}`+"\n", 10_000)
	check(t, s.SaveEstate(ctx, "s1", func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}))
	if must(s.Scan(ctx, "s1"))(t).Estate == "" {
		t.Error("the scan does not say where its estate is")
	}
	r := must(s.OpenEstate(ctx, "s1"))(t)
	got, err := io.ReadAll(r)
	check(t, errors.Join(err, r.Close()))
	same(t, content, string(got))
}

func estateFails(t *testing.T, s Store) {
	ctx := t.Context()
	check(t, s.BeginScan(ctx, "s1", "prod", noon))
	_, err := s.OpenEstate(ctx, "s1")
	advice(t, err, azward.KindNotFound)
	broken := errors.New("the collector broke")
	err = s.SaveEstate(ctx, "s1", func(io.Writer) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the writer's own error", err)
	}
	_, err = s.OpenEstate(ctx, "s1") // no half file
	advice(t, err, azward.KindNotFound)
	advice(t, s.SaveEstate(ctx, "../../x", func(io.Writer) error { return nil }), azward.KindUsage)
	advice(t, s.SaveEstate(ctx, "s2", func(io.Writer) error { return nil }), azward.KindNotFound)
}

func concurrent(t *testing.T, s Store) {
	ctx := t.Context()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for j := range 10 {
				key := fmt.Sprintf("sha256:%d-%d", i, j)
				if err := s.SaveLayer(ctx, key, []byte(key)); err != nil {
					t.Error(err)
				}
				if doc, found, err := s.Layer(ctx, key); !found || err != nil || string(doc) != key {
					t.Errorf("layer %s: %q, %t, %v", key, doc, found, err)
				}
			}
		})
	}
	group.Wait()
}

func cancelled(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Connections(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := s.SaveLayer(ctx, "k", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// save runs a whole scan. Scans start in the order of their IDs' last digit.
func save(t *testing.T, s Store, scan, source string, verdicts ...store.Decided) {
	t.Helper()
	check(t, s.BeginScan(t.Context(), scan, source, noon.Add(time.Duration(scan[len(scan)-1])*time.Second)))
	check(t, s.SaveVerdicts(t.Context(), scan, sequence(verdicts...), outcome))
	same(t, store.ScanComplete, must(s.Scan(t.Context(), scan))(t).State)
}

func sequence(verdicts ...store.Decided) iter.Seq2[store.Decided, error] {
	return func(yield func(store.Decided, error) bool) {
		for _, v := range verdicts {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func workload(name string) azward.Workload {
	return azward.Workload{
		ID:   azward.ResourceID("/subscriptions/S/resourceGroups/rg/providers/Microsoft.Web/sites/" + name),
		Kind: azward.AppService, Name: name,
	}
}

func decided(name, vulnerability string, answer azward.Answer, severity azward.Severity) store.Decided {
	w := workload(name)
	result := map[azward.Answer]azward.Result{azward.Yes: azward.Exploitable, azward.No: azward.NotExploitable, azward.Unknown: azward.Undecided}[answer]
	return store.Decided{Verdict: azward.Verdict{
		ID: azward.NewVerdictID(w.ID, "img", vulnerability, "pkg:npm/x@1"), Exploitable: answer, Result: result, Confidence: azward.ConfidenceHigh,
		Vulnerability: vulnerability, Workload: w, Image: "img", Summary: "because",
		Finding:    azward.Finding{ID: vulnerability, Aliases: []string{}, PURL: "pkg:npm/x@1", Severity: severity, FixedIn: []string{}},
		Conditions: []azward.Condition{{ID: azward.Deployed, Answer: answer, Evidence: []azward.Evidence{{Resource: w.ID, Value: json.RawMessage("true"), ReadAt: noon}}}},
		Gaps:       []azward.Gap{}, DecidedAt: noon,
	}}
}

func label(v azward.Verdict) string { return v.Workload.Name + " " + v.Vulnerability }

func list(t *testing.T, s Store, filter store.Filter) []string {
	t.Helper()
	var labels []string
	for v, err := range s.Verdicts(t.Context(), filter) {
		check(t, err)
		labels = append(labels, label(v))
	}
	return slices.Clip(labels)
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		check(t, err)
		return value
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T any](t *testing.T, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// advice fails the test unless err is one that a person can act on.
func advice(t *testing.T, err error, kind azward.Kind) {
	t.Helper()
	var e *azward.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *azward.Error", err)
	}
	if e.Kind != kind || e.Cause == "" || e.Remedy == "" {
		t.Errorf("got kind %v with cause %q and remedy %q, want kind %v", e.Kind, e.Cause, e.Remedy, kind)
	}
}
