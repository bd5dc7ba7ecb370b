package verdict

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// affected asks whether the package's version is in an affected range, and
// whether what the package holds can run there at all.
func (d *Decider) affected(subject Subject) azward.Condition {
	if subject.Borrowed {
		return d.borrowed(subject)
	}
	f := subject.Finding
	c := azward.Condition{ID: azward.Affected, Answer: f.Affected, Evidence: []azward.Evidence{d.packageEvidence(subject), {
		Resource: azward.ResourceID(f.Record), Property: "/affected", Value: azward.JSONValue(f.Range),
		Meaning: "the affected range that decided", Source: azward.SourceAdvisory, SHA256: sha256Hex(subject.Record),
	}}}
	switch {
	case f.Affected == azward.No:
		c.Summary = fmt.Sprintf("%s %s is not affected: %s", subject.Package.Name, subject.Package.Version, f.Range)
	case subject.Denied != nil:
		c.Answer = azward.No
		c.Summary = fmt.Sprintf("%s says that %s %s is not affected: %s", subject.Denied.Document, subject.Package.Name, subject.Package.Version, subject.Denied.Reason)
		c.Evidence = append(c.Evidence, azward.Evidence{
			Resource: azward.ResourceID(subject.Denied.Document), Property: "/statements", Value: azward.JSONValue(subject.Denied.Reason),
			Meaning: "a VEX document denies it; nobody verified who wrote it", Source: azward.SourceUser,
		})
	case subject.Container != "" && hostKernel(subject.Package): // a machine runs its own
		onHostKernel(&c, subject.Package)
	case f.Affected == azward.Yes:
		c.Summary = fmt.Sprintf("%s %s is affected: %s", subject.Package.Name, subject.Package.Version, f.Range)
	default:
		c.Summary = fmt.Sprintf("whether %s %s is affected could not be decided: %s", subject.Package.Name, subject.Package.Version, f.Range)
		c.Gaps = []azward.Gap{{
			Scope: azward.ResourceID(f.Record), Kind: azward.GapUnparsed, Reads: "the order of version " + subject.Package.Version, Error: f.Range,
		}}
	}
	return c
}

// onHostKernel answers for what a container's image holds of a kernel.
func onHostKernel(c *azward.Condition, p azward.Package) {
	c.Answer = azward.No
	c.Summary = fmt.Sprintf("%s is a part of the Linux kernel, and a container runs on its host's kernel, not on its image's", p.Name)
	c.Evidence = append(c.Evidence, azward.Evidence{
		Resource: "https://learn.microsoft.com/azure/aks/concepts-clusters-workloads", Property: "kernel", Value: azward.JSONValue(p.Name),
		Meaning: "containers share the kernel of their node", Source: azward.SourceDocumented,
	})
}

// kernelPackages are the names under which distributions ship the kernel, its
// headers and its modules; those that end in "-" are prefixes. User-space tools
// built from the same source (linux-perf, bpftool, perf) are not among them.
var kernelPackages = []string{
	"linux-libc-dev", "linux-headers", "linux-headers-", "linux-image-", "linux-modules-", "linux-kbuild-", "linux-source-", "linux-api-headers",
	"kernel", "kernel-headers", "kernel-devel", "kernel-core", "kernel-modules", "kernel-modules-", "kernel-default", "kernel-default-devel",
}

// hostKernel reports whether an OS package of an image holds nothing but parts
// of the kernel.
func hostKernel(p azward.Package) bool {
	kind, _, _ := strings.Cut(strings.TrimPrefix(p.PURL, "pkg:"), "/")
	switch kind {
	case "deb", "rpm", "apk", "alpm":
	default:
		return false
	}
	for _, name := range kernelPackages {
		if p.Name == name || strings.HasSuffix(name, "-") && strings.HasPrefix(p.Name, name) {
			return true
		}
	}
	return false
}
