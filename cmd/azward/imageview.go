package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/report"
)

// imageFinding is a vulnerability of an image, as JSON shows it.
type imageFinding struct {
	azward.Finding
	Package string `json:"package"`
	Version string `json:"version"`
	Base    bool   `json:"base"` // brought by the base image
	// Instruction of the Dockerfile that brought the package, as far as the
	// image's history tells.
	Instruction string   `json:"instruction,omitempty"`
	Locations   []string `json:"locations"`
}

// imageReport is one image with all that was found: the shape of
// `image scan --output json`.
type imageReport struct {
	*image.Image
	Name            string             `json:"name"`
	LayersFound     []registry.Layer   `json:"layers"`
	Base            *registry.Base     `json:"base,omitempty"`
	Counts          remediation.Counts `json:"counts"`
	Vulnerabilities []imageFinding     `json:"vulnerabilities"`
	// Suppressed are the findings that VEX documents deny; they count for nothing.
	Suppressed    []suppressed         `json:"suppressed,omitempty"`
	Actions       []remediation.Action `json:"actions"`
	Left          int                  `json:"left"`
	Runs          []registry.Run       `json:"runs"`
	Attached      []string             `json:"attached,omitempty"`
	AskedAttached bool                 `json:"askedAttached"`
	Hardening     hardening.Report     `json:"hardening"`
	// SBOM says that the packages are those of a document; nil for the layers'.
	SBOM *sbomSource `json:"sbom,omitempty"`
	// Advisories that the answer rests on.
	Advisories advisoriesUsed `json:"advisories"`

	attached string // in words
}

func newImageReport(img *image.Image, i advised, gaps []azward.Gap) imageReport {
	r := imageReport{
		Image: img, Name: i.Name, LayersFound: i.Layers(), Base: i.Base, Counts: i.Counts,
		Vulnerabilities: []imageFinding{}, Suppressed: i.suppressed, Actions: i.Actions, Left: i.Left, Runs: i.Runs,
		Attached: i.Attached, AskedAttached: i.AskedAttached, Hardening: i.hardened,
	}
	switch {
	case len(i.Attached) > 0:
		r.attached = "attached, not verified: " + strings.Join(i.Attached, ", ")
	case i.AskedAttached:
		r.attached = "no signature and no SBOM is attached"
	}
	img.Gaps = gaps
	for f := range i.Findings() {
		r.Vulnerabilities = append(r.Vulnerabilities, imageFinding{
			Finding: f.Finding, Package: f.Package.Name, Version: f.Package.Version, Base: f.Base,
			Instruction: remediation.Instruction(f.Package.CreatedBy), Locations: f.Package.Locations,
		})
	}
	slices.SortStableFunc(r.Vulnerabilities, func(a, b imageFinding) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(b.CVSS, a.CVSS), cmp.Compare(a.ID, b.ID), cmp.Compare(a.PURL, b.PURL))
	})
	return r
}

// writeImage shows one image. Estate says whether it is known what runs.
func (a *app) writeImage(estate bool, img *image.Image, i advised, gaps []azward.Gap, index *advisory.Index) error {
	if a.isDocument() {
		return a.writeDocument(img, i, gaps)
	}
	r := newImageReport(img, i, gaps)
	r.SBOM, r.Advisories = a.sbom, usedOf(index, time.Now())
	return a.write(func(w io.Writer) error {
		if a.output == "json" {
			return report.JSON(w, r)
		}
		for _, part := range []func(io.Writer) error{
			func(w io.Writer) error { return r.head(w, estate) }, r.layers, a.findings(r), r.silenced, r.hardened, r.advice,
		} {
			if err := part(w); err != nil {
				return err
			}
		}
		return writeGaps(w, gaps)
	})
}

func (r *imageReport) head(w io.Writer, estate bool) error {
	_, err := fmt.Fprintf(w, "%s\n%s  %s  %s\n", r.Name, r.Digest, cmp.Or(r.Platform, "platform not known"), cmp.Or(r.OS.Name, r.OS.ID, "no distribution"))
	if err != nil {
		return err
	}
	if at, parseErr := time.Parse(time.RFC3339Nano, r.Created); parseErr == nil && at.Year() > 1980 {
		if _, err = fmt.Fprintf(w, "built %s\n", at.Format(time.DateOnly)); err != nil {
			return err
		}
	}
	if r.Base != nil {
		if _, err = fmt.Fprintf(w, "base %s, as its %s say\n", r.Base.Reference, map[string]string{"layers": "layers", "label": "labels"}[r.Base.Source]); err != nil {
			return err
		}
	}
	if r.SBOM != nil {
		if _, err = fmt.Fprintln(w, r.SBOM); err != nil {
			return err
		}
	}
	if r.attached != "" {
		if _, err = fmt.Fprintln(w, r.attached); err != nil {
			return err
		}
	}
	for _, run := range r.Runs {
		if _, err = fmt.Fprintf(w, "runs as %s %s: %d exploitable, %d unknown\n", run.Workload.Kind, run.Workload.Name, run.Exploitable, run.Unknown); err != nil {
			return err
		}
	}
	if estate && len(r.Runs) == 0 {
		_, err = fmt.Fprintln(w, "nothing of the estate runs it")
	}
	return err
}

func (r *imageReport) layers(w io.Writer) error {
	if len(r.LayersFound) == 0 {
		return nil
	}
	t := newTable("layer", "MB", "packages", "vulnerabilities", "from", "instruction")
	t.SetColumnConfigs([]table.ColumnConfig{{Name: "instruction", WidthMax: 80, WidthMaxEnforcer: text.Trim}})
	for _, l := range r.LayersFound {
		from := "own"
		switch {
		case l.Base:
			from = "base"
		case r.Base == nil || r.Base.Layers == 0:
			from = "?"
		}
		t.AppendRow(table.Row{short(l.Digest), fmt.Sprintf("%.1f", float64(l.Size)/1e6), l.Packages, l.Findings, from, remediation.Instruction(l.CreatedBy)})
	}
	_, err := fmt.Fprintf(w, "\n%s\n", t.Render())
	return err
}

// maxFindingsShown keeps an image's findings readable; JSON has all.
const maxFindingsShown = 60

func (a *app) findings(r imageReport) func(io.Writer) error {
	return func(w io.Writer) error {
		t := newTable("vulnerability", "severity", "package", "version", "fixed in", "layer")
		t.SetColumnConfigs([]table.ColumnConfig{{Name: "package", WidthMax: 40}, {Name: "fixed in", WidthMax: 30, WidthMaxEnforcer: text.WrapSoft}})
		for n, f := range r.Vulnerabilities {
			if n == maxFindingsShown {
				break
			}
			severity := string(f.Severity)
			if f.Affected != azward.Yes {
				severity += ", version unknown"
			}
			kev := ""
			if f.KEV {
				kev = " KEV"
			}
			t.AppendRow(table.Row{f.ID + kev, severity, f.Package, f.Version, cmp.Or(strings.Join(f.FixedIn, ", "), "-"), short(f.Layer)})
		}
		if len(r.Vulnerabilities) > 0 {
			if _, err := fmt.Fprintf(w, "\n%s\n", t.Render()); err != nil {
				return err
			}
		}
		if more := len(r.Vulnerabilities) - maxFindingsShown; more > 0 {
			if _, err := fmt.Fprintf(w, "and %d more: --output json has them all\n", more); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(w, "\n%d vulnerabilities in %d packages: %s; %d known to be exploited\n", len(r.Vulnerabilities), len(r.Packages), brief(r.Counts), r.Counts.KEV)
		return err
	}
}

// maxStepsShown bounds the single upgrades of one action.
const maxStepsShown = 6

func (r *imageReport) advice(w io.Writer) error {
	if len(r.Actions) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(w, "\nwhat to change, the most effective first:"); err != nil {
		return err
	}
	const shown = 8
	for n, action := range r.Actions {
		if n == shown {
			_, err := fmt.Fprintf(w, "  and %d more: --output json\n", len(r.Actions)-shown)
			return err
		}
		if err := writeAction(w, action); err != nil {
			return err
		}
	}
	if r.Left == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "  %d findings have no fix that is known\n", r.Left)
	return err
}

func writeAction(w io.Writer, a remediation.Action) error {
	if _, err := fmt.Fprintf(w, "  %s\n      clears %d findings: %s\n", a.Title, a.Counts.Total(), brief(a.Counts)); err != nil {
		return err
	}
	if a.Command != "" {
		if _, err := fmt.Fprintf(w, "      %s\n", a.Command); err != nil {
			return err
		}
	}
	for n, step := range a.Steps {
		if n == maxStepsShown {
			_, err := fmt.Fprintf(w, "      and %d more packages\n", len(a.Steps)-maxStepsShown)
			return err
		}
		if a.Kind == remediation.UpdateOS {
			if _, err := fmt.Fprintf(w, "      %s to %s\n", step.Package, step.To); err != nil {
				return err
			}
			continue
		}
		if step.Line == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "      brought by: %.120s\n", step.Line); err != nil {
			return err
		}
	}
	return nil
}
