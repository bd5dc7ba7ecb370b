package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/api"
	"github.com/azward/azward/api/client"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/image"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/verdict"
	"github.com/azward/azward/workspace"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	tenant = "72f0c1a0-0000-4000-8000-000000000001"
	group  = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1/resourceGroups/shop"
	cart   = group + "/providers/Microsoft.ContainerInstance/containerGroups/cart"
	idle   = group + "/providers/Microsoft.ContainerInstance/containerGroups/idle"
	vnet   = group + "/providers/Microsoft.Network/virtualNetworks/vnet"
	acr    = "contoso.azurecr.io"
	digest = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
	secret = "s3cr3t-of-the-connection~"
)

// world is a hub with everything in it: two scans of a small tenant, an image,
// advisories, users of each role, and the API on a socket.
type world struct {
	t      testing.TB
	dir    string
	store  *sqlite.Store
	access *access.Control
	pool   *jobs.Pool
	hub    *httptest.Server
	tokens map[access.Role]string
	users  map[access.Role]access.User
	// proceed lets the running scan job go on to its end.
	proceed chan struct{}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), tokens: map[access.Role]string{}, users: map[access.Role]access.User{}, proceed: make(chan struct{})}
	var err error
	w.store, err = sqlite.Open(context.Background(), w.dir)
	w.ok(err)
	t.Cleanup(func() { w.ok(w.store.Close()) })
	w.access, err = access.New(access.Options{Store: w.store, PublicURL: "http://localhost:8484"})
	w.ok(err)
	w.pool = jobs.New(jobs.Options{Store: w.store, Runners: map[string]jobs.Runner{"scan": {Run: w.run}, "registry": {Run: w.run}, "image": {Run: w.run}, "housekeeping": {Run: w.run}}, Workers: 8})
	w.ok(w.pool.Start(context.Background()))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		w.ok(w.pool.Stop(ctx))
	})
	shown := &workspace.Workspace{Store: w.store, Dir: w.dir}
	t.Cleanup(func() { w.ok(shown.Close()) })
	handler, err := api.New(api.Options{
		Workspace: shown, Jobs: w.pool, Access: w.access, Views: w.store, Retention: &retention.Keeper{Store: w.store, Audit: w.access.Audit},
		Connections: connect.Connections{Store: w.store, Sealer: seal.Box{Provider: seal.File(filepath.Join(w.dir, store.KeyFile))}},
	})
	w.ok(err)
	w.hub = httptest.NewServer(w.signIn(handler))
	t.Cleanup(w.hub.Close)
	w.people()
	return w
}

// in is the world for a subtest.
func (w *world) in(t *testing.T) *world {
	sub := *w
	sub.t = t
	return &sub
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// run is a scan that does nothing but take its time.
func (w *world) run(ctx context.Context, _ store.Job, to *jobs.Reporter) error {
	to.Progress("images", 1, 2, "contoso.azurecr.io/shop/cart:1.4")
	select {
	case <-w.proceed:
		to.Result("scan-2")
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signIn is what the hub does before the API.
func (w *world) signIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if sent {
			who, err := w.access.Bearer(r.Context(), token)
			if err != nil {
				http.Error(rw, err.Error(), http.StatusUnauthorized)
				return
			}
			r = r.WithContext(access.With(r.Context(), who))
		}
		next.ServeHTTP(rw, r)
	})
}

// people are a user and a token of each role.
func (w *world) people() {
	w.t.Helper()
	ctx := context.Background()
	link, err := w.access.SetupLink(ctx)
	w.ok(err)
	at, err := url.Parse(link)
	w.ok(err)
	admin, err := w.access.SetUp(ctx, at.Query().Get("code"), "root", "correct horse battery staple", "192.0.2.7")
	w.ok(err)
	w.users[access.Admin] = admin
	as := func(u access.User) context.Context {
		return access.With(ctx, access.Identity{UserID: u.ID, Name: u.Name, Role: u.Role})
	}
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		if role != access.Admin {
			w.users[role], _, err = w.access.CreateUser(as(admin), string(role), role)
			w.ok(err)
		}
		_, w.tokens[role], err = w.access.CreateToken(as(w.users[role]), access.NewToken{Name: "test"})
		w.ok(err)
	}
}

// as is a client with a token of the role; "" is anonymous.
func (w *world) as(role access.Role) *client.Client {
	return &client.Client{Base: w.hub.URL, Token: w.tokens[role]}
}

// fill puts a connection, two scans, a registry and advisories in.
func (w *world) fill() *world {
	w.t.Helper()
	ctx := context.Background()
	now := time.Now().UTC().Truncate(time.Second)
	connections := connect.Connections{Store: w.store, Sealer: seal.Box{Provider: seal.File(filepath.Join(w.dir, store.KeyFile))}}
	_, err := connections.Add(ctx, connect.Request{
		Name: "prod", TenantID: tenant, ClientID: "72f0c1a0-0000-4000-8000-0000000000a1", Auth: store.AuthClientSecret, Secret: seal.NewSecret(secret),
	}, now.Add(-3*time.Hour))
	w.ok(err)
	index := w.advisories(now)
	w.scan("scan-1", now.Add(-2*time.Hour), index, "Private")
	w.scan("scan-2", now.Add(-time.Hour), index, "Public")
	w.ok(index.Close())
	kept, err := registry.Stored(cartImage())
	w.ok(err)
	w.ok(w.store.SaveImage(ctx, kept))
	w.listing(now.Add(-time.Hour), store.Tag{Repository: "shop/cart", Name: "1.4", Digest: digest})
	return w
}

func (w *world) listing(at time.Time, tags ...store.Tag) {
	w.t.Helper()
	var manifests []store.Manifest
	for _, t := range tags {
		manifests = append(manifests, store.Manifest{Repository: t.Repository, Digest: t.Digest, Image: t.Digest, Platform: "linux/amd64", FirstSeen: at, LastSeen: at})
	}
	_, err := w.store.SaveListing(context.Background(), store.Listing{Registry: acr, At: at, All: true, Repositories: []string{"shop/cart"}, Tags: tags})
	w.ok(err)
	w.ok(w.store.SaveManifests(context.Background(), acr, manifests))
}

// advisories is an index of few records, in the data directory.
func (w *world) advisories(at time.Time) *advisory.Index {
	w.t.Helper()
	var b bytes.Buffer
	writer := advisory.NewWriter(&b, at)
	for i, r := range []struct{ id, name, fixed, vector string }{
		{"CVE-2024-0001", "lodash", "4.17.5", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
		{"CVE-2024-0002", "lodash", "4.17.12", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"},
		{"CVE-2024-0003", "left-pad", "", "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"},
	} {
		events := []advisory.Event{{Kind: advisory.Introduced, Version: "0"}}
		if r.fixed != "" {
			events = append(events, advisory.Event{Kind: advisory.Fixed, Version: r.fixed})
		}
		w.ok(writer.Add(&advisory.Record{
			ID: r.id, Summary: fmt.Sprintf("Record %d of <script>alert(1)</script>", i), Vectors: []string{r.vector},
			Affected: []advisory.Affected{{Ecosystem: "npm", Name: r.name, Ranges: [][]advisory.Event{events}}},
		}))
	}
	w.ok(writer.Close())
	path := filepath.Join(w.dir, "advisories.idx")
	w.ok(os.WriteFile(path, b.Bytes(), 0o600))
	index, err := advisory.Open(path)
	w.ok(err)
	return index
}

func cartImage() *image.Image {
	pkg := func(name, version string) azward.Package {
		return azward.Package{PURL: "pkg:npm/" + name + "@" + version, Name: name, Version: version, Ecosystem: "npm", Layer: "sha256:01", Locations: []string{"/srv/node_modules/" + name}}
	}
	return &image.Image{
		Reference: acr + "/shop/cart:1.4", Digest: digest, Platform: "linux/amd64", OS: image.OS{ID: "debian", Version: "12"},
		Created: "2026-01-01T00:00:00Z", Layers: []image.Layer{{Digest: "sha256:01", DiffID: "sha256:02", Size: 1000, CreatedBy: "COPY . /srv"}},
		Packages: []azward.Package{pkg("lodash", "4.17.4"), pkg("left-pad", "1.0.0")}, Gaps: []azward.Gap{},
	}
}

type oneImage struct{}

// Image implements [scan.Images].
func (oneImage) Image(context.Context, string) (*image.Image, error) { return cartImage(), nil }

// scan is one run over a tenant of two container groups.
func (w *world) scan(id string, at time.Time, index *advisory.Index, address string) {
	w.t.Helper()
	ctx := context.Background()
	w.ok(w.store.BeginScan(ctx, id, "prod", at))
	run, err := scan.Scan{Advisories: index, Images: oneImage{}}.Run(ctx, tenantEstate(w.t, at, address), at)
	w.ok(err)
	w.ok(w.store.SaveEstate(ctx, id, run.Estate.Write))
	outcome := store.Outcome{State: store.ScanState(run.State()), FinishedAt: at.Add(time.Minute), Gaps: len(run.Estate.Gaps()), Counts: json.RawMessage(`{"images":1}`)}
	w.ok(w.store.SaveVerdicts(ctx, id, func(yield func(store.Decided, error) bool) {
		for doc, err := range run.Documents() {
			if !yield(store.Decided{Verdict: doc.Verdict, Doc: pieces(doc.Own), Proof: pieces(doc.Proof)}, err) {
				return
			}
		}
	}, outcome))
}

func pieces(list []verdict.Piece) store.Document {
	doc := make(store.Document, 0, len(list))
	for _, p := range list {
		doc = append(doc, store.Piece(p))
	}
	return doc
}

// tenantEstate has a container group with an address, one that is stopped, a
// network with a subnet, and a gap.
func tenantEstate(t testing.TB, at time.Time, address string) *estate.Estate {
	t.Helper()
	var b estate.Builder
	from := estate.Provenance{Source: azward.SourceARM, APIVersion: "2023-05-01", ReadAt: at}
	containers := func(id, state, address string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"type":"Microsoft.ContainerInstance/containerGroups","location":"westeurope","tags":{"owner":"<img src=x onerror=alert(1)>"},"properties":{
			"osType":"Linux","instanceView":{"state":%q},"subnetIds":[{"id":%q}],
			"containers":[{"name":"cart","properties":{"image":"contoso.azurecr.io/shop/cart:1.4","ports":[{"port":8080,"protocol":"TCP"}]}}],
			"ipAddress":{"type":%q,"ip":"20.60.0.1","ports":[{"protocol":"TCP","port":8080}]}}}`,
			id, azward.ResourceID(id).Name(), state, vnet+"/subnets/apps", address)
	}
	for _, raw := range []string{
		containers(cart, "Running", address), containers(idle, "Stopped", address),
		fmt.Sprintf(`{"id":%q,"name":"vnet","type":"Microsoft.Network/virtualNetworks","location":"westeurope","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"subnets":[{"id":%q,"name":"apps","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`, vnet, vnet+"/subnets/apps"),
	} {
		if err := b.AddARM(json.RawMessage(raw), from); err != nil {
			t.Fatal(err)
		}
	}
	b.AddGap(azward.Gap{
		Scope: "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1", Kind: azward.GapDenied, Reads: "Microsoft.Network/networkSecurityGroups",
		Needs: "Microsoft.Network/networkSecurityGroups/read", Error: "the principal lacks the action",
		Remedy: "az role assignment create --assignee 72f0c1a0-0000-4000-8000-0000000000a1 --role Reader --scope /subscriptions/72f0c1a0-0000-4000-8000-0000000000c1",
	})
	return b.Build()
}

// answer is what came back, checked against the contract.
type answer struct {
	*http.Response
	raw []byte
}

// do sends a request as a role, "" for anonymous, and checks the answer against
// the OpenAPI document.
func (w *world) do(role access.Role, method, path, body string, headers ...string) answer {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, w.hub.URL+api.Prefix+path, reader)
	w.ok(err)
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+w.tokens[role])
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.hub.Client().Do(r)
	w.ok(err)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	w.ok(err)
	contract(w.t).check(w.t, method, strings.SplitN(path, "?", 2)[0], response, raw)
	return answer{response, raw}
}

// problem is an answer that says what went wrong.
type problem struct {
	Status                           int
	Kind, Op, Subject, Cause, Remedy string
	Title, Type, Detail              string
	Errors                           []struct{ Location, Message string }
}

// refused reads a problem of the status, which has to say why and what to do.
func (w *world) refused(a answer, status int) problem {
	w.t.Helper()
	var p problem
	if a.StatusCode != status {
		w.t.Fatalf("%s: status %d, want %d: %.600s", a.Request.URL, a.StatusCode, status, a.raw)
	}
	w.ok(json.Unmarshal(a.raw, &p))
	if p.Status != status || p.Cause == "" || p.Remedy == "" || a.Header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s: the problem is not whole: %.600s", a.Request.URL, a.raw)
	}
	return p
}

// read unmarshals an answer of the status.
func read[T any](w *world, a answer, status int) (out T) {
	w.t.Helper()
	if a.StatusCode != status {
		w.t.Fatalf("%s: status %d, want %d: %.600s", a.Request.URL, a.StatusCode, status, a.raw)
	}
	w.ok(json.Unmarshal(a.raw, &out))
	return out
}
