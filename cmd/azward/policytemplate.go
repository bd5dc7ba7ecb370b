package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/report"
	"github.com/azward/azward/template"
	"github.com/azward/azward/terraform"
)

// plannedFlags name a template or plan whose resources are evaluated before
// they exist.
type plannedFlags struct {
	template, plan  string
	parameters      []string
	subscription    string
	resourceGroup   string
	managementGroup string
	location        string
}

func (f *plannedFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.template, "template", "", "evaluate what this Resource Manager template would create (JSON)")
	flags.StringArrayVar(&f.parameters, "parameters", nil, "parameter file of the template (repeatable)")
	flags.StringVar(&f.plan, "plan", "", "evaluate what this Terraform plan would create (terraform show -json)")
	flags.StringVar(&f.subscription, "subscription", "", "subscription that the template or plan is deployed to")
	flags.StringVar(&f.resourceGroup, "resource-group", "", "resource group that the template is deployed to")
	flags.StringVar(&f.managementGroup, "management-group", "", "management group that the template is deployed to")
	flags.StringVar(&f.location, "location", "", "location of the resource group, or of the deployment")
}

func (f *plannedFlags) asked() bool { return f.template != "" || f.plan != "" }

// planned tells what of an estate would be created, and where that stands.
// Nil: all of the estate exists.
type planned struct {
	lines func(azward.ResourceID, string) (string, int, bool)
}

// open gives the estate with what would be created. Without files, or a flag
// that asks for it, the estate of no scan is taken: a template says by itself
// what it creates.
func (f *plannedFlags) open(a *app, cmd *cobra.Command, of *estateFlags, at time.Time, base bool) (*estate.Estate, *planned, error) {
	bad := func(cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "check policies", Cause: cause, Remedy: remedy}
	}
	switch {
	case !f.asked() && (len(f.parameters) > 0 || f.resourceGroup != "" || f.location != "" || f.subscription != "" || f.managementGroup != ""):
		return nil, nil, bad("--parameters, --subscription, --resource-group, --management-group and --location say how a template is deployed", "name it with --template or --plan")
	case f.template != "" && f.plan != "":
		return nil, nil, bad("--template and --plan exclude each other", "use one of them")
	case f.plan != "" && len(f.parameters) > 0:
		return nil, nil, bad("--parameters is for --template", "a plan holds its variables")
	}
	var e *estate.Estate
	var err error
	if !f.asked() || base || len(of.files) > 0 {
		e, err = of.open(a, cmd)
	} else {
		e = new(estate.Builder).Build()
	}
	if err != nil || !f.asked() {
		return e, nil, err
	}
	if f.plan != "" {
		return f.openPlan(a, e)
	}
	return f.openTemplate(a, e, at)
}

func (f *plannedFlags) openTemplate(a *app, e *estate.Estate, at time.Time) (*estate.Estate, *planned, error) {
	o, main, err := f.options(at)
	if err != nil {
		return nil, nil, err
	}
	r, err := template.Expand(main, o)
	if err != nil {
		return nil, nil, err
	}
	if err := a.tellPlanned(r.Gaps, fmt.Sprintf("%s would create %d resources", f.template, len(r.Resources))); err != nil {
		return nil, nil, err
	}
	return estate.Supersede(e, r.Estate), &planned{lines: r.Line}, nil
}

// maxTemplateBytes bounds a template or parameter file that is read: Azure
// takes 4 MB.
const maxTemplateBytes = 16 << 20

func readTemplate(name string) (template.File, error) {
	raw, err := readBounded(name, maxTemplateBytes)
	return template.File{Name: filepath.ToSlash(name), Content: raw}, err
}

func readBounded(name string, most int64) (raw []byte, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, &azward.Error{Kind: azward.KindNotFound, Op: "read file", Subject: name, Cause: "it cannot be opened", Remedy: "check the name", Err: err}
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	raw, err = bound.ReadAll(file, most, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return raw, nil
}

// options read the files. Linked templates are taken from the working folder
// where the template lies in it, else from the template's own.
func (f *plannedFlags) options(at time.Time) (template.Options, template.File, error) {
	var o template.Options
	main, err := readTemplate(f.template)
	if err != nil {
		return o, main, err
	}
	folder := filepath.Dir(f.template)
	o = template.Options{
		Path: filepath.Base(f.template), ResourceGroup: f.resourceGroup, ManagementGroup: f.managementGroup, Location: f.location, At: at,
	}
	if filepath.IsLocal(f.template) {
		folder, o.Path = ".", filepath.ToSlash(filepath.Clean(f.template))
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return o, main, &azward.Error{Kind: azward.KindNotFound, Op: "read folder", Subject: folder, Cause: "it cannot be opened", Remedy: "check its permissions", Err: err}
	}
	o.Files = root.FS() // closed with the process: one folder
	if f.subscription != "" {
		guid, err := azward.ParseGUID("subscription", f.subscription)
		if err != nil {
			return o, main, err
		}
		o.Subscription = azward.SubscriptionID(guid)
	}
	for _, name := range f.parameters {
		p, err := readTemplate(name)
		if err != nil {
			return o, main, err
		}
		o.Parameters = append(o.Parameters, p)
	}
	return o, main, nil
}

func (f *plannedFlags) openPlan(a *app, e *estate.Estate) (*estate.Estate, *planned, error) {
	file, err := os.Open(f.plan)
	if err != nil {
		return nil, nil, &azward.Error{Kind: azward.KindNotFound, Op: "read file", Subject: f.plan, Cause: "it cannot be opened", Remedy: "check the name", Err: err}
	}
	p, err := terraform.Read(file, f.plan)
	if closing := file.Close(); err == nil && closing != nil {
		return nil, nil, closing
	}
	if err != nil {
		return nil, nil, err
	}
	if f.subscription != "" {
		guid, err := azward.ParseGUID("subscription", f.subscription)
		if err != nil {
			return nil, nil, err
		}
		p.In(azward.SubscriptionID(guid))
	}
	r, err := p.Posture(e)
	if err != nil {
		return nil, nil, err
	}
	if err := a.tellPlanned(r.Gaps, fmt.Sprintf("%s would create or change %d resources", f.plan, len(r.Lines))); err != nil {
		return nil, nil, err
	}
	return r.Estate, &planned{lines: func(id azward.ResourceID, _ string) (string, int, bool) {
		line, ok := r.Line(id)
		return filepath.ToSlash(f.plan), line, ok
	}}, nil
}

// maxToldGaps bounds what is told on the terminal.
const maxToldGaps = 20

// tellPlanned says what would be created, and what could not be followed.
func (a *app) tellPlanned(gaps []azward.Gap, summary string) error {
	a.progress.clear()
	if !a.quiet {
		if _, err := fmt.Fprintln(a.stderr, summary); err != nil {
			return err
		}
	}
	if err := a.tellGaps(gaps[:min(len(gaps), maxToldGaps)]); err != nil {
		return err
	}
	if more := len(gaps) - maxToldGaps; more > 0 {
		if _, err := fmt.Fprintf(a.stderr, "and %d more that is not understood\n", more); err != nil {
			return err
		}
	}
	return nil
}

// place sets where a result stands in the template or plan. It is false for
// what exists already, which is not asked about.
func (p *planned) place(r *report.Posture) bool {
	if p == nil {
		return true
	}
	file, line, ok := p.lines(r.Resource, "")
	if !ok {
		return false
	}
	for _, cited := range r.Evidence {
		if f, l, ok := p.lines(cited.Resource, cited.Property); ok && cited.Property != "" && !strings.EqualFold(cited.Property, "/type") {
			file, line = f, l
			break
		}
	}
	r.File, r.Line = file, cmp.Or(line, 1)
	return true
}
