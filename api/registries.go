package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

func (a *API) registryRoutes() {
	handle(a, "list-registries", a.listRegistries)
	handle(a, "get-registry", a.getRegistry)
	handle(a, "list-repositories", a.listRepositories)
	handle(a, "list-tags", a.listTags)
	handle(a, "get-timeline", a.getTimeline)
	handle(a, "list-images", a.listImages)
	handle(a, "get-image", a.getImage)
	handle(a, "list-findings", a.listFindings)
	handle(a, "scan-registry", a.startRegistry)
	handle(a, "scan-image", a.startImage)
}

func (a *API) listRegistries(ctx context.Context, in *Paging) (*body[Page[workspace.Registry]], error) {
	list, err := a.Workspace.Registries(ctx)
	if err != nil {
		return nil, err
	}
	return slice(list, *in, func(r workspace.Registry) string { return r.Host })
}

// RegistryHost names a registry in a path.
type RegistryHost struct {
	Host string `path:"host" maxLength:"255" example:"contoso.azurecr.io"`
}

// RegistrySummary is a registry at a glance.
type RegistrySummary struct {
	Host         string             `json:"host"`
	ListedAt     time.Time          `json:"listedAt"`
	Repositories int                `json:"repositories"`
	Images       int                `json:"images"`
	Packages     int                `json:"packages" doc:"Distinct ones."`
	Counts       remediation.Counts `json:"counts" doc:"Findings of all images."`
	RunsKnown    bool               `json:"runsKnown" doc:"It is known what runs."`
	Running      int                `json:"running" doc:"Images that run."`
	Untagged     []string           `json:"untagged" nullable:"false" doc:"Images that run although no tag names them any longer."`
	Idle         []string           `json:"idle" nullable:"false" doc:"Tags that nothing runs, where it is known what runs."`
	Gaps         []azward.Gap       `json:"gaps" nullable:"false" doc:"What the advisories do not cover."`
}

func (a *API) getRegistry(ctx context.Context, in *RegistryHost) (*body[RegistrySummary], error) {
	v, err := a.Workspace.RegistryView(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	s := RegistrySummary{
		Host: v.Registry, ListedAt: v.ListedAt, Repositories: len(v.Repositories), Images: len(v.Images), Packages: v.Packages, RunsKnown: v.Estate,
		Untagged: []string{}, Idle: append([]string{}, v.Idle()...), Gaps: append([]azward.Gap{}, v.Gaps...),
	}
	for _, i := range v.Images {
		s.Counts = sum(s.Counts, i.Counts)
		if len(i.Runs) > 0 {
			s.Running++
		}
	}
	for _, i := range v.Untagged() {
		s.Untagged = append(s.Untagged, i.Name())
	}
	return answer(s, nil)
}

func sum(a, b remediation.Counts) remediation.Counts {
	return remediation.Counts{
		Critical: a.Critical + b.Critical, High: a.High + b.High, Medium: a.Medium + b.Medium, Low: a.Low + b.Low,
		Unknown: a.Unknown + b.Unknown, KEV: a.KEV + b.KEV,
	}
}

// Repository is one repository at a glance.
type Repository struct {
	Name      string             `json:"name"`
	Tags      int                `json:"tags" doc:"That it has now."`
	Images    int                `json:"images"`
	Artifacts int                `json:"artifacts" doc:"What is no image: charts, signatures."`
	Unread    []Unread           `json:"unread" nullable:"false" doc:"What could not be read: what is in it is not known."`
	Counts    remediation.Counts `json:"counts" doc:"Findings of all its images."`
	Running   int                `json:"running" doc:"Images that run, where that is known."`
}

// Unread is a manifest whose image could not be read.
type Unread struct {
	Digest azward.Digest `json:"digest"`
	Error  string        `json:"error"`
}

func (a *API) listRepositories(ctx context.Context, in *struct {
	RegistryHost
	Paging
},
) (*body[Page[Repository]], error) {
	v, err := a.Workspace.RegistryView(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	list := make([]Repository, 0, len(v.Repositories))
	for _, r := range v.Repositories {
		row := Repository{Name: r.Name, Artifacts: len(r.Artifacts), Unread: []Unread{}}
		for _, m := range r.Unread {
			row.Unread = append(row.Unread, Unread{m.Digest, m.Error})
		}
		for _, t := range r.Tags {
			if t.Until.IsZero() {
				row.Tags++
			}
		}
		for _, i := range v.Images {
			if !slices.Contains(i.Repositories, r.Name) {
				continue
			}
			row.Images++
			row.Counts = sum(row.Counts, i.Counts)
			if len(i.Runs) > 0 {
				row.Running++
			}
		}
		list = append(list, row)
	}
	slices.SortFunc(list, func(x, y Repository) int { return cmp.Compare(x.Name, y.Name) })
	return slice(list, in.Paging, func(r Repository) string { return r.Name })
}

// Tag is where a tag pointed, and for how long.
type Tag struct {
	Repository string        `json:"repository"`
	Name       string        `json:"name"`
	Digest     azward.Digest `json:"digest"`
	Since      time.Time     `json:"since"`
	Until      time.Time     `json:"until,omitzero" doc:"Absent while it does."`
	Pushed     time.Time     `json:"pushed,omitzero" doc:"When the registry says it was last moved."`
}

// InRepository selects one repository.
type InRepository struct {
	Repository string `query:"repository" maxLength:"256" doc:"Of this repository alone."`
}

func (a *API) listTags(ctx context.Context, in *struct {
	RegistryHost
	Paging
	InRepository
},
) (*body[Page[Tag]], error) {
	if err := a.known(ctx, in.Host); err != nil {
		return nil, err
	}
	tags, err := a.Workspace.Store.Tags(ctx, in.Host, in.Repository)
	if err != nil {
		return nil, err
	}
	list := make([]Tag, 0, len(tags))
	for _, t := range tags {
		list = append(list, tagRow(t))
	}
	key := func(t Tag) string {
		return t.Repository + "\x01" + t.Name + "\x01" + t.Since.UTC().Format("20060102150405.000000000")
	}
	slices.SortFunc(list, func(x, y Tag) int { return cmp.Compare(key(x), key(y)) })
	return slice(list, in.Paging, key)
}

func tagRow(t store.Tag) Tag {
	return Tag{t.Repository, t.Name, t.Digest, t.Since, t.Until, t.Pushed}
}

// known says that a registry was read.
func (a *API) known(ctx context.Context, host string) error {
	list, err := a.Workspace.Registries(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(r workspace.Registry) bool { return r.Host == host }) {
		return nil
	}
	return &azward.Error{Kind: azward.KindNotFound, Op: "show registry", Subject: host, Cause: "it was never read", Remedy: "azward registry scan " + host}
}

// Timeline is a repository over time.
type Timeline struct {
	Repository string             `json:"repository"`
	Versions   []registry.Version `json:"versions" nullable:"false" doc:"From the first to the last."`
}

func (a *API) getTimeline(ctx context.Context, in *struct {
	RegistryHost
	Repository string `query:"repository" required:"true" maxLength:"256"`
},
) (*body[Timeline], error) {
	v, err := a.Workspace.RegistryView(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	versions := v.Timeline(in.Repository)
	if versions == nil {
		return nil, &azward.Error{Kind: azward.KindNotFound, Op: "show repository", Subject: in.Repository, Cause: "the registry has none of that name", Remedy: "see the list of its repositories"}
	}
	return answer(Timeline{in.Repository, versions}, nil)
}

// Image is an image with its name.
type Image struct {
	Name string `json:"name"`
	*registry.Image
}

func (a *API) listImages(ctx context.Context, in *struct {
	RegistryHost
	Paging
	InRepository
},
) (*body[Page[Image]], error) {
	v, err := a.Workspace.RegistryView(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	list := make([]Image, 0, len(v.Images))
	for _, i := range v.Images {
		if in.Repository == "" || slices.Contains(i.Repositories, in.Repository) {
			list = append(list, Image{i.Name(), i})
		}
	}
	slices.SortFunc(list, func(x, y Image) int { return cmp.Compare(x.Digest, y.Digest) })
	return slice(list, in.Paging, func(i Image) string { return string(i.Digest) })
}

func (a *API) getImage(ctx context.Context, in *struct {
	RegistryHost
	Name string `query:"name" required:"true" maxLength:"512" doc:"repository:tag, repository@digest, a digest, or its first characters."`
},
) (*body[workspace.ImageDetail], error) {
	return answer(a.Workspace.RegistryImage(ctx, in.Host, in.Name))
}

// FindingPage is a page of findings with what is not known.
type FindingPage struct {
	Page[workspace.Finding]
	Gaps []azward.Gap `json:"gaps" nullable:"false" doc:"What the advisories do not cover: that may have more."`
}

func (a *API) listFindings(ctx context.Context, in *struct {
	Paging
	Registry      string `query:"registry" maxLength:"255"`
	Repository    string `query:"repository" maxLength:"256"`
	Image         string `query:"image" maxLength:"512" doc:"repository:tag, repository@digest, a digest, or its first characters."`
	Severity      string `query:"severity" enum:"low,medium,high,critical" doc:"This and above."`
	Vulnerability string `query:"vulnerability" maxLength:"200" doc:"A CVE, or another ID of it, without case."`
	Search        string `query:"search" maxLength:"200" doc:"Part of an ID, or of the package's URL, without case."`
	Fixable       bool   `query:"fixable" doc:"Only what has a fixed version."`
	Known         bool   `query:"known" doc:"Only what is known to be exploited."`
	Deployed      bool   `query:"deployed" doc:"Only what runs, or may."`
},
) (*body[FindingPage], error) {
	after, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Workspace.Findings(ctx, workspace.FindingQuery{
		Registry: in.Registry, Repository: in.Repository, Image: in.Image, MinSeverity: azward.Severity(in.Severity),
		Vulnerability: in.Vulnerability, Text: in.Search, Fixable: in.Fixable, Known: in.Known, Deployed: in.Deployed,
		After: after, Size: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	return &body[FindingPage]{FindingPage{page(found.Findings, formCursor(found.Next)).Body, found.Gaps}}, nil
}
