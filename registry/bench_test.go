package registry_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/store"
)

// BenchmarkWarm is a second look at a registry in which nothing changed: one
// request a tag on loopback, and no blob.
func BenchmarkWarm(b *testing.B) {
	for _, tags := range []int{20, 2000} {
		b.Run(fmt.Sprintf("tags=%d", tags), func(b *testing.B) {
			h, s := newHouse(b), open(b)
			const perRepository = 50
			for i := range tags {
				h.push(fmt.Sprintf("shop/svc%d:1.%d", i/perRepository, i%perRepository), day, app(fmt.Sprintf("lodash@4.17.%d", i%20)))
			}
			look := scanOf(b, h, s, day)
			if _, err := look.Run(context.Background()); err != nil {
				b.Fatal(err)
			}
			h.count()
			for b.Loop() {
				result, err := look.Run(context.Background())
				if err != nil || result.Images > 0 {
					b.Fatal(err, result)
				}
			}
			asked := h.count()
			if asked["GET blobs"] > 0 {
				b.Errorf("%d blobs were asked for", asked["GET blobs"])
			}
			b.ReportMetric(float64(asked["HEAD manifests"]+asked["GET manifests"])/float64(b.N)/float64(tags), "requests/tag")
		})
	}
}

// BenchmarkRematch is what a new advisory costs for a registry that is in the
// store: 1,000 images of 400 packages on ten bases, matched and counted.
func BenchmarkRematch(b *testing.B) {
	const images, own, base = 1000, 100, 300
	b.Run(fmt.Sprintf("images=%d", images), func(b *testing.B) {
		s := open(b)
		ctx := context.Background()
		const host = "contoso.azurecr.io"
		var tags []store.Tag
		var manifests []store.Manifest
		for i := range images {
			img := bigImage(i, own, base)
			kept, err := registry.Stored(img)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.SaveImage(ctx, kept); err != nil {
				b.Fatal(err)
			}
			repository := fmt.Sprintf("shop/svc%d", i/10)
			tags = append(tags, store.Tag{Repository: repository, Name: fmt.Sprint(i % 10), Digest: img.Digest})
			manifests = append(manifests, store.Manifest{Repository: repository, Digest: img.Digest, Image: img.Digest, Platform: "linux/amd64", FirstSeen: day, LastSeen: day})
		}
		if _, err := s.SaveListing(ctx, store.Listing{Registry: host, At: day, Tags: tags}); err != nil {
			b.Fatal(err)
		}
		if err := s.SaveManifests(ctx, host, manifests); err != nil {
			b.Fatal(err)
		}
		known := index(b)
		for b.Loop() {
			v, err := registry.Load{Registry: host, Store: s, Advisories: known}.View(ctx)
			if err != nil || len(v.Images) != images || v.Images[0].Counts.Total() == 0 {
				b.Fatal(err, len(v.Images))
			}
		}
		b.ReportMetric(float64(images)*float64(b.N)/b.Elapsed().Seconds(), "images/s")
	})
}

// bigImage has packages of its own, different from image to image in one of
// eight versions, and those of one of ten bases.
func bigImage(n, own, base int) *image.Image {
	digest := func(kind string, n int) azward.Digest {
		return azward.Digest(fmt.Sprintf("sha256:%s%060x", kind, n))
	}
	img := &image.Image{
		Reference: fmt.Sprintf("contoso.azurecr.io/shop/svc%d:1", n), Digest: digest("0000", n), Platform: "linux/amd64",
		OS: image.OS{ID: "debian", Version: "12"}, Created: day.Add(time.Duration(n) * time.Hour).Format(time.RFC3339),
		Layers: []image.Layer{
			{Digest: digest("ba5e", n%10), DiffID: digest("ba50", n%10), Size: 50 << 20, CreatedBy: "FROM debian"},
			{Digest: digest("a44", n), DiffID: digest("a45", n), Size: 1 << 20, CreatedBy: "COPY . /srv"},
		},
		Gaps: []azward.Gap{},
	}
	for i := range base {
		name, version := fmt.Sprintf("lib%d", i), fmt.Sprintf("1.%d-1", n%10)
		if i == 0 {
			name, version = "openssl", "3.0.1-1"
		}
		img.Packages = append(img.Packages, azward.Package{
			PURL: "pkg:deb/debian/" + name + "@" + version + "?arch=amd64&distro=debian-12", Name: name, Version: version, Ecosystem: "Debian:12",
			Source: name, Layer: img.Layers[0].Digest, Locations: []string{"/var/lib/dpkg/status"},
		})
	}
	for i := range own {
		name, version := fmt.Sprintf("module%d", i), fmt.Sprintf("%d.%d.0", n%8, i)
		if i == 0 {
			name, version = "lodash", fmt.Sprintf("4.17.%d", n%8)
		}
		img.Packages = append(img.Packages, azward.Package{
			PURL: "pkg:npm/" + name + "@" + version, Name: name, Version: version, Ecosystem: "npm",
			Layer: img.Layers[1].Digest, Locations: []string{"/srv/node_modules/" + name + "/package.json"},
		})
	}
	return img
}
