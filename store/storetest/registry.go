package storetest

import (
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

func scanned(digest azward.Digest, packages ...azward.Package) store.ScannedImage {
	return store.ScannedImage{
		Digest: digest, Version: "2", Doc: []byte(`{"os":"debian"}`), Packages: packages,
		Layers: []azward.Digest{"sha256:base", "sha256:own"}, CreatedBy: []string{"FROM debian", "COPY . /srv"},
	}
}

func images(t *testing.T, s Store) {
	ctx := t.Context()
	openssl := azward.Package{
		PURL: "pkg:deb/debian/openssl@3.0.11-1?distro=debian-12", Name: "openssl", Version: "3.0.11-1", Ecosystem: "Debian:12",
		Source: "openssl", Layer: "sha256:base", CreatedBy: "FROM debian", Locations: []string{"/var/lib/dpkg/status"},
	}
	lodash := azward.Package{
		PURL: "pkg:npm/lodash@4.17.4", Name: "lodash", Version: "4.17.4", Ecosystem: "npm",
		Layer: "sha256:own", CreatedBy: "COPY . /srv", Locations: []string{"/srv/a/package.json", "/srv/b/package.json"},
	}
	nowhere := azward.Package{PURL: "pkg:golang/stdlib@1.20", Name: "stdlib", Version: "1.20", Ecosystem: "Go", Locations: []string{"/bin/x"}}
	first, second := scanned("sha256:1", openssl, lodash), scanned("sha256:2", openssl, nowhere)
	second.Partial = true
	if _, found, err := s.Image(ctx, "sha256:1"); found || err != nil {
		t.Errorf("a new store has an image: %v", err)
	}
	check(t, s.SaveImage(ctx, first))
	check(t, s.SaveImage(ctx, second))
	check(t, s.SaveImage(ctx, second)) // again, as after a kill
	for _, want := range []store.ScannedImage{first, second} {
		got, found, err := s.Image(ctx, want.Digest)
		check(t, err)
		same(t, true, found)
		same(t, want, got)
	}
	same(t, true, must(s.HasImage(ctx, "sha256:1", "2"))(t))
	same(t, false, must(s.HasImage(ctx, "sha256:1", "3"))(t))
	distinct := must(s.Packages(ctx))(t)
	same(t, 3, len(distinct))
	held := map[azward.Digest][]string{}
	for c, err := range s.Contents(ctx) {
		check(t, err)
		same(t, len(c.Packages), len(c.Layers))
		for _, id := range c.Packages {
			held[c.Digest] = append(held[c.Digest], distinct[id].Name)
		}
		if c.Digest == "sha256:2" {
			same(t, []int{0, -1}, c.Layers)
		}
	}
	same(t, map[azward.Digest][]string{"sha256:1": {"openssl", "lodash"}, "sha256:2": {"openssl", "stdlib"}}, held)
	empty := scanned("sha256:3")
	check(t, s.SaveImage(ctx, empty))
	got, _, err := s.Image(ctx, "sha256:3")
	check(t, err)
	same(t, empty, got)
}

func registryOverTime(t *testing.T, s Store) {
	ctx := t.Context()
	const host = "contoso.azurecr.io"
	at := func(day int) time.Time { return noon.AddDate(0, 0, day) }
	tag := func(repository, name string, digest azward.Digest) store.Tag {
		return store.Tag{Repository: repository, Name: name, Digest: digest}
	}
	look := func(day int, l store.Listing) store.Moves {
		t.Helper()
		l.Registry, l.At = host, at(day)
		return must(s.SaveListing(ctx, l))(t)
	}
	pushed := tag("cart", "1.4", "sha256:1")
	pushed.Pushed = at(-1)
	same(t, store.Moves{New: 3}, look(0, store.Listing{All: true, Repositories: []string{"cart", "web"}, Tags: []store.Tag{pushed, tag("cart", "latest", "sha256:1"), tag("web", "1", "sha256:9")}}))
	same(t, store.Moves{}, look(1, store.Listing{All: true, Repositories: []string{"cart", "web"}, Tags: []store.Tag{pushed, tag("cart", "latest", "sha256:1"), tag("web", "1", "sha256:9")}}))
	same(t, store.Moves{New: 1, Moved: 1}, look(2, store.Listing{Repositories: []string{"cart"}, Tags: []store.Tag{pushed, tag("cart", "latest", "sha256:2"), tag("cart", "1.5", "sha256:2")}}))
	same(t, store.Moves{}, look(3, store.Listing{Repositories: nil})) // nothing could be listed: nothing is gone
	same(t, store.Moves{Removed: 2}, look(4, store.Listing{All: true, Repositories: []string{"cart"}, Tags: []store.Tag{tag("cart", "1.5", "sha256:2"), tag("cart", "latest", "sha256:2")}}))

	span := func(t store.Tag, since, until int) store.Tag {
		t.Since = at(since)
		if until >= 0 {
			t.Until = at(until)
		}
		return t
	}
	same(t, []store.Tag{
		span(pushed, 0, 4), span(tag("cart", "1.5", "sha256:2"), 2, -1),
		span(tag("cart", "latest", "sha256:1"), 0, 2), span(tag("cart", "latest", "sha256:2"), 2, -1),
	}, must(s.Tags(ctx, host, "cart"))(t))
	same(t, 5, len(must(s.Tags(ctx, host, ""))(t)))
	same(t, 0, len(must(s.Tags(ctx, "other.azurecr.io", ""))(t)))
	same(t, map[string]time.Time{host: at(4)}, must(s.Registries(ctx))(t))
}

func manifests(t *testing.T, s Store) {
	ctx := t.Context()
	const host = "contoso.azurecr.io"
	index := store.Manifest{
		Repository: "cart", Digest: "sha256:index", Image: "sha256:1", Platform: "linux/amd64", Size: 100,
		Attached: []string{"application/vnd.cncf.notary.signature"}, AskedAttached: true, Pushed: noon, FirstSeen: noon, LastSeen: noon,
	}
	chart := store.Manifest{Repository: "charts/cart", Digest: "sha256:chart", Artifact: "application/vnd.cncf.helm.config.v1+json", FirstSeen: noon, LastSeen: noon}
	check(t, s.SaveManifests(ctx, host, []store.Manifest{index, chart}))
	same(t, []store.Manifest{index, chart}, must(s.Manifests(ctx, host))(t))
	again := index
	again.Attached, again.AskedAttached, again.Pushed = nil, false, time.Time{}
	again.FirstSeen, again.LastSeen = noon.Add(time.Hour), noon.Add(time.Hour)
	check(t, s.SaveManifests(ctx, host, []store.Manifest{again}))
	index.LastSeen = noon.Add(time.Hour) // what was known stays
	same(t, []store.Manifest{index, chart}, must(s.Manifests(ctx, host))(t))
}
