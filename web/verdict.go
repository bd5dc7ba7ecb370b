package web

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
	"github.com/azward/azward/report"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// spansShown is how much of its history a verdict's page has; the API has more.
const spansShown = 10

type verdictPage struct {
	V          azward.Verdict
	Around     workspace.Surroundings
	Picture    template.HTML
	Settings   []settingView
	Conditions []conditionView
	CanDismiss bool
	Back       string
	Until      []choice
	Formats    []choice
	CVEURL     string // of the list of the same vulnerability
	PlaceURL   string // of the list of the same workload
	History    []store.VerdictSpan
	Older      int  // spans that are not shown
	Several    bool // connections have it
}

// conditionView is a condition with its facts apart from the listings, which
// prove that there is nothing else.
type conditionView struct {
	azward.Condition
	Facts, Listings []azward.Evidence
	Open            bool
}

// settingView is a counterfactual: all its settings together.
type settingView struct {
	Settings []exposure.Setting
	Path     string
	Then     string
}

func (s *Site) verdictOf(r *http.Request) (azward.Verdict, error) {
	id, err := azward.ParseVerdictID(r.PathValue("id"))
	if err != nil {
		return azward.Verdict{}, err
	}
	return s.o.Workspace.Verdict(r.Context(), id)
}

func (s *Site) verdict(w http.ResponseWriter, r *http.Request) error {
	v, err := s.verdictOf(r)
	if err != nil {
		return err
	}
	around, err := s.o.Workspace.Around(r.Context(), v)
	if err != nil {
		return err
	}
	view := verdictPage{
		V: v, Around: around, CanDismiss: who(r).Role.Allows(leastOf("POST /verdicts/dismiss")), Back: r.URL.RequestURI(), Until: expiries(),
		Formats:  []choice{{Value: "html", Name: "Page (HTML)"}, {Value: "markdown", Name: "Markdown"}, {Value: "json", Name: "JSON"}, {Value: "proof", Name: "Proof, to replay offline"}},
		CVEURL:   listURL(workspace.Filters{CVE: v.Vulnerability, Dismissed: workspace.WithDismissed}.Query()),
		PlaceURL: listURL(workspace.Filters{Workload: string(v.Workload.ID), Dismissed: workspace.WithDismissed}.Query()),
	}
	for _, c := range v.Conditions {
		one := conditionView{Condition: c, Open: decides(v, c)}
		for _, e := range c.Evidence {
			if e.Source == azward.SourceListing {
				one.Listings = append(one.Listings, e)
			} else {
				one.Facts = append(one.Facts, e)
			}
		}
		view.Conditions = append(view.Conditions, one)
	}
	if view.Picture, err = picture(around.Exposure); err != nil {
		return err
	}
	for _, c := range around.Settings {
		view.Settings = append(view.Settings, settingView{c.Settings, c.Path, c.Then})
	}
	spans, err := s.o.Workspace.Store.VerdictHistory(r.Context(), v.ID)
	if err != nil {
		return err
	}
	for _, span := range spans {
		view.Several = view.Several || span.Source != spans[0].Source
	}
	view.History, view.Older = spans[:min(len(spans), spansShown)], max(len(spans)-spansShown, 0)
	title := v.Vulnerability + " in " + placeOf(v.Workload)
	return s.render(w, r, http.StatusOK, "verdict", page{Title: clean(title), Section: "verdicts", Data: view})
}

// decides says whether a condition is why the verdict is what it is.
func decides(v azward.Verdict, c azward.Condition) bool {
	if v.Exploitable == azward.Yes {
		return c.ID == azward.Reachable
	}
	return c.Answer == v.Exploitable
}

// picture draws the path, for a page that brings the style.
func picture(x *exposure.Exposure) (template.HTML, error) {
	if x == nil || len(x.Path) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	if err := draw.Inline(&b, "way", draw.OfExposure(*x)); err != nil {
		return "", fmt.Errorf("draw path: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // our own drawing, which escapes names
}

// exportVerdict gives a verdict as a file.
func (s *Site) exportVerdict(w http.ResponseWriter, r *http.Request) error {
	v, err := s.verdictOf(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	kind, ext := "application/json", "json"
	switch format := r.PathValue("format"); format {
	case "json":
		err = report.JSON(&b, v)
	case "markdown":
		kind, ext = "text/markdown; charset=utf-8", "md"
		err = report.Markdown(&b, v)
	case "html":
		kind, ext = "text/html; charset=utf-8", "html"
		err = s.exportPage(r, &b, v)
	case "proof":
		ext = "proof.json"
		var raw []byte
		raw, err = s.o.Workspace.Store.Proof(r.Context(), v.ID)
		b.Write(raw)
	default:
		return notFound("format " + format)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	// A file: it is saved, and never runs as a page of this site.
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(v.ID)+"."+ext+`"`)
	_, err = w.Write(b.Bytes())
	return gone(err)
}

func (s *Site) exportPage(r *http.Request, b *bytes.Buffer, v azward.Verdict) error {
	around, err := s.o.Workspace.Around(r.Context(), v)
	if err != nil {
		return err
	}
	var p report.Page
	if around.Exposure != nil {
		var svg bytes.Buffer
		if err := draw.SVG(&svg, draw.OfExposure(*around.Exposure)); err != nil {
			return fmt.Errorf("draw path: %w", err)
		}
		p.Picture = svg.Bytes()
	}
	for _, c := range around.Settings {
		for _, set := range c.Settings {
			p.Settings = append(p.Settings, report.Setting{Summary: set.Summary, Resource: set.Resource, Property: set.Property, Change: becomes(set), Then: c.Then})
		}
	}
	return report.HTML(b, v, p)
}

// becomes says how a setting changes.
func becomes(s exposure.Setting) string {
	switch {
	case len(s.Becomes) == 0 && len(s.Was) == 0:
		return "goes"
	case len(s.Becomes) == 0:
		return "goes, was " + string(s.Was)
	case len(s.Was) == 0:
		return string(s.Becomes) + ", is not set"
	}
	return string(s.Becomes) + ", was " + string(s.Was)
}
