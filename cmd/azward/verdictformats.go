package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
	"github.com/azward/azward/vex"
)

// verdictFormats are those that verdicts are written in.
var verdictFormats = []string{"table", "json", "markdown", "csv", "sarif", "junit", "openvex", "csaf", "cyclonedx", "ocsf"}

// vexFlags say how verdicts become a VEX document.
type vexFlags struct {
	assert                             bool
	product, report, author, namespace string
}

func (f *vexFlags) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.assert, "assert-not-affected", false, "openvex, csaf: state what has no way in as not_affected")
	flags.StringVar(&f.product, "product", "deployment", "openvex, csaf, cyclonedx: deployment, or image for scanners that know images alone")
	flags.StringVar(&f.report, "for", "", "openvex, csaf, cyclonedx: count what the document will match of this JSON report of Trivy or Grype, and fail at nothing")
	flags.StringVar(&f.author, "author", "", "openvex, csaf, cyclonedx: who says so")
	flags.StringVar(&f.namespace, "author-url", "", "csaf: a URL of the author")
}

// check refuses what has no meaning for the format. Filters are those that
// leave deployments of an image out: an image may be spoken free only when all
// deployments that are known were asked.
func (f *vexFlags) check(output string, set func(string) bool, filters ...string) error {
	usage := func(subject, cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "read", Subject: subject, Cause: cause, Remedy: remedy}
	}
	if !slices.Contains([]string{"deployment", "image"}, f.product) {
		return usage("--product", fmt.Sprintf("there is no product %.40q", f.product), "use deployment or image")
	}
	for _, name := range []string{"product", "for", "author", "assert-not-affected"} {
		if set(name) && !slices.Contains([]string{"openvex", "csaf", "cyclonedx"}, output) {
			return usage("--"+name, "it is about VEX documents", "add --output openvex, csaf or cyclonedx")
		}
	}
	if set("author-url") && output != "csaf" {
		return usage("--author-url", "only CSAF has a place for it", "add --output csaf, or leave it out")
	}
	for _, name := range filters {
		if f.product == "image" && set(name) {
			return usage("--"+name, "it leaves out deployments, and a statement about an image has to hold in all of them", "leave it out, or use --product deployment")
		}
	}
	return nil
}

func (f *vexFlags) options(verdicts []azward.Verdict) vex.Options {
	o := vex.Options{Author: f.author, Namespace: f.namespace, Version: version, AssertNotAffected: f.assert}
	if f.product == "image" {
		o.Product = vex.Images
	}
	for _, v := range verdicts {
		if v.DecidedAt.After(o.Issued) {
			o.Issued = v.DecidedAt
		}
	}
	if o.Issued.IsZero() { // nothing was decided, as of now
		o.Issued = time.Now().UTC().Truncate(time.Second)
	}
	return o
}

// document writes the verdicts in a VEX format, after it has counted what a
// scanner's report will find in it.
func (a *app) document(w io.Writer, verdicts []azward.Verdict, f vexFlags) error {
	o := f.options(verdicts)
	format := vex.Format(a.output)
	if f.report != "" {
		if err := a.checkMatches(f.report, format, verdicts, o); err != nil {
			return err
		}
	}
	if o.Product == vex.Images {
		fmt.Fprintln(a.stderr, "warning: statements are about images, wherever they run; azward knows those deployments alone that it scanned")
		if n := vex.LeftOut(verdicts, o.Product); n > 0 {
			fmt.Fprintf(a.stderr, "warning: %d verdicts are left out: their image is known by a tag alone, or their package has no package URL\n", n)
		}
	}
	switch format {
	case vex.FormatCSAF:
		return vex.CSAF(w, verdicts, o)
	case vex.FormatCycloneDX:
		return vex.CycloneDX(w, verdicts, o)
	default:
		return vex.OpenVEX(w, verdicts, o)
	}
}

// checkMatches says on stderr what a scanner will make of the document.
func (a *app) checkMatches(file string, format vex.Format, verdicts []azward.Verdict, o vex.Options) (err error) {
	in, err := os.Open(file)
	if err != nil {
		return &azward.Error{Kind: azward.KindUsage, Op: "open report", Subject: file, Cause: err.Error(), Remedy: "name the JSON report of Trivy or Grype with --for", Err: err}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	scan, err := vex.ReadScan(in, file)
	if err != nil {
		return err
	}
	matched, err := vex.Check(format, verdicts, o, scan)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stderr, matched)
	return nil
}

func (a *app) writeVerdicts(w io.Writer, verdicts []azward.Verdict) error {
	switch a.output {
	case "json":
		return report.JSON(w, verdicts)
	case "sarif":
		return report.SARIF(w, verdicts, version)
	case "csv":
		return report.VerdictsCSV(w, verdicts)
	case "junit":
		return report.VerdictsJUnit(w, verdicts)
	case "ocsf":
		return report.OCSF(w, verdicts, version)
	case "openvex", "csaf", "cyclonedx":
		return a.document(w, verdicts, vexFlags{})
	case "markdown":
		for _, v := range verdicts {
			if err := report.Markdown(w, v); err != nil {
				return err
			}
		}
		return nil
	default:
		return report.Table(w, verdicts, a.style())
	}
}
