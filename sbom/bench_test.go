package sbom_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

// large is a document of many packages.
func large(packages int) *sbom.Document {
	d := cart()
	d.Packages, d.Findings = nil, nil
	for n := range packages {
		d.Packages = append(d.Packages, azward.Package{
			PURL: fmt.Sprintf("pkg:npm/package-%d@1.%d.0", n, n%100), Name: fmt.Sprintf("package-%d", n), Version: fmt.Sprintf("1.%d.0", n%100),
			Ecosystem: "npm", Layer: appLayer, Locations: []string{fmt.Sprintf("/srv/node_modules/package-%d/package.json", n)},
		})
	}
	return d
}

func BenchmarkCycloneDX(b *testing.B) {
	const packages = 10_000
	d := large(packages)
	b.Run(fmt.Sprintf("write/packages=%d", packages), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := sbom.CycloneDX(io.Discard, d, options); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(packages)*float64(b.N)/b.Elapsed().Seconds(), "packages/s")
	})
	var doc bytes.Buffer
	if err := sbom.CycloneDX(&doc, d, options); err != nil {
		b.Fatal(err)
	}
	b.Run(fmt.Sprintf("read/packages=%d", packages), func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(doc.Len()))
		for b.Loop() {
			if got, err := sbom.Read(bytes.NewReader(doc.Bytes()), "x"); err != nil || len(got.Packages) != packages {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(packages)*float64(b.N)/b.Elapsed().Seconds(), "packages/s")
	})
}
