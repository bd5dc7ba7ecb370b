package vex_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

// many are the verdicts of 200 workloads with 300 vulnerabilities each, of 50
// images.
func many() []azward.Verdict {
	const workloads, vulnerabilities, images = 200, 300, 50
	kinds := [][3]azward.Answer{{yes, yes, yes}, {yes, yes, no}, {yes, no, yes}, {yes, yes, unknown}}
	var list []azward.Verdict
	for w := range workloads {
		for v := range vulnerabilities {
			one := verdict(fmt.Sprintf("app-%d", w), kinds[(w+v)%len(kinds)], pack(fmt.Sprintf("pkg:npm/package-%d@1.%d.0", v/3, v%7)), func(x *azward.Verdict) {
				x.Vulnerability, x.Finding.Aliases = fmt.Sprintf("CVE-2024-%05d", v), []string{fmt.Sprintf("GHSA-%d", v)}
				x.Image = fmt.Sprintf("contoso.azurecr.io/app-%d@sha256:%064x", w%images, w%images)
				x.Summary = fmt.Sprintf("not exploitable: no public load balancer, ingress or node port leads to app-%d", w)
			})
			list = append(list, one)
		}
	}
	return list
}

func BenchmarkWrite_60000_verdicts(b *testing.B) {
	list := many()
	for _, f := range formats() {
		b.Run(f.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := f.write(io.Discard, list, options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck_60000_verdicts_5000_findings(b *testing.B) {
	list := many()
	scan := vex.Scan{Scanner: vex.Trivy, Artifact: "app-1", Image: true, Digests: []string{fmt.Sprintf("contoso.azurecr.io/app-1@sha256:%064x", 1)}}
	for n := range 5000 {
		scan.Found = append(scan.Found, vex.ScanFinding{Vulnerability: fmt.Sprintf("CVE-2024-%05d", n%300), PURL: fmt.Sprintf("pkg:npm/package-%d@1.%d.0", n%300/3, n%7)})
	}
	o := options
	o.Product = vex.Images
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vex.Check(vex.FormatOpenVEX, list, o, scan); err != nil {
			b.Fatal(err)
		}
	}
}
