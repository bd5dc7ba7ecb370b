package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/workspace"
)

// Bounds of what one page shows.
const (
	repositoriesShown = 100
	versionsShown     = 40
	changesShown      = 20 // of one version and kind
	findingsShown     = 200
	packagesShown     = 300
	runsShown         = 50
)

func registryURL(host string) string { return "/registries/" + url.PathEscape(host) }

func imageURL(host, name string) string {
	return registryURL(host) + "/image?" + url.Values{"name": {name}}.Encode()
}

func (s *Site) registries(w http.ResponseWriter, r *http.Request) error {
	list, err := s.o.Workspace.Registries(r.Context())
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "registries", page{Title: "Registries", Section: "registries", Data: map[string]any{
		"List": list, "CanScan": s.o.Jobs != nil && who(r).Role.Allows(leastOf("POST /registries/scan")),
	}})
}

// repositoryRow is a repository with what its newest images have.
type repositoryRow struct {
	Name, URL string
	Tags      int
	Images    int
	Running   int // images that a workload runs
	Counts    remediation.Counts
	Newest    time.Time
	Unread    int // that could not be read
}

type registryPage struct {
	Host       string
	ListedAt   time.Time
	Estate     bool
	Images     int
	Packages   int
	All        int
	Rows       []repositoryRow
	Urgent     []imageRow // images in the order in which they deserve attention
	Next       string
	First      string
	Gaps       []azward.Gap
	Untagged   int
	IdleTags   int
	CanScan    bool
	Repository string // that the filter asks for
}

type imageRow struct {
	*registry.Image
	URL string
}

func (s *Site) registry(w http.ResponseWriter, r *http.Request) error {
	host, q := r.PathValue("host"), r.URL.Query()
	found, err := s.o.Workspace.RegistryView(r.Context(), host)
	if err != nil {
		return err
	}
	v := registryPage{
		Host: host, ListedAt: found.ListedAt, Estate: found.Estate, Images: len(found.Images), Packages: found.Packages, Gaps: found.Gaps[:min(len(found.Gaps), gapsShown)],
		Untagged: len(found.Untagged()), IdleTags: len(found.Idle()), CanScan: who(r).Role.Allows(leastOf("POST /registries/scan")), Repository: q.Get("q"),
	}
	const urgent = 10
	for _, i := range found.Images[:min(len(found.Images), urgent)] {
		v.Urgent = append(v.Urgent, imageRow{i, imageURL(host, i.Name())})
	}
	v.rows(found, strings.ToLower(v.Repository), q.Get("after"))
	if after := q.Get("after"); after != "" {
		v.First = registryURL(host) + "?" + url.Values{"q": {v.Repository}}.Encode()
	}
	return s.render(w, r, http.StatusOK, "registry", page{Title: host, Section: "registries", Data: v})
}

// rows are one page of repositories, by name.
func (v *registryPage) rows(found *workspace.RegistryView, text, after string) {
	images := map[string][]*registry.Image{}
	for _, i := range found.Images {
		for _, name := range i.Repositories {
			images[name] = append(images[name], i)
		}
	}
	list := slices.Clone(found.Repositories)
	slices.SortFunc(list, func(a, b *registry.Repository) int { return cmp.Compare(a.Name, b.Name) })
	for _, repository := range list {
		if text != "" && !strings.Contains(strings.ToLower(repository.Name), text) {
			continue
		}
		v.All++
		if after != "" && repository.Name <= after {
			continue
		}
		if len(v.Rows) == repositoriesShown {
			v.Next = registryURL(v.Host) + "?" + url.Values{"q": {v.Repository}, "after": {v.Rows[len(v.Rows)-1].Name}}.Encode()
			continue
		}
		v.Rows = append(v.Rows, rowOfRepository(v.Host, repository, images[repository.Name]))
	}
}

func rowOfRepository(host string, repository *registry.Repository, images []*registry.Image) repositoryRow {
	row := repositoryRow{Name: repository.Name, URL: registryURL(host) + "/repository?" + url.Values{"name": {repository.Name}}.Encode(), Images: len(images), Unread: len(repository.Unread)}
	for _, t := range repository.Tags {
		if t.Until.IsZero() {
			row.Tags++
		}
	}
	var worst *registry.Image
	for _, i := range images {
		if len(i.Runs) > 0 {
			row.Running++
		}
		if i.Created.After(row.Newest) {
			row.Newest = i.Created
		}
		if len(i.Names) > 0 && (worst == nil || i.Counts.Compare(worst.Counts) > 0) {
			worst = i
		}
	}
	if worst != nil {
		row.Counts = worst.Counts
	}
	return row
}

// versionRow is one image of a timeline.
type versionRow struct {
	registry.Version
	URL     string
	Changes []versionChange
	First   bool // of the repository
}

// versionChange is what one kind of change brought, as far as it is shown.
type versionChange struct {
	Word, Class, Icon string
	Count             int
	List              []registry.Change
	More              int
}

func (s *Site) repository(w http.ResponseWriter, r *http.Request) error {
	host, name := r.PathValue("host"), r.URL.Query().Get("name")
	found, err := s.o.Workspace.RegistryView(r.Context(), host)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(found.Repositories, func(o *registry.Repository) bool { return o.Name == name })
	if at < 0 {
		return notFound("repository " + name)
	}
	versions := found.Timeline(name)
	older := max(len(versions)-versionsShown, 0)
	var rows []versionRow
	for _, version := range slices.Backward(versions[older:]) {
		rows = append(rows, versionRow{Version: version, URL: imageURL(host, version.Image.Name()), Changes: changesOf(version.Diff)})
	}
	if older == 0 && len(rows) > 0 {
		first := &rows[len(rows)-1]
		first.First, first.Changes, first.Diff.Unchanged = true, nil, 0 // it has nothing before it
	}
	repository := found.Repositories[at]
	return s.render(w, r, http.StatusOK, "repository", page{Title: name, Section: "registries", Data: map[string]any{
		"Host": host, "HostURL": registryURL(host), "Name": name, "Versions": rows, "Older": older, "All": len(versions), "Estate": found.Estate,
		"Unread": repository.Unread[:min(len(repository.Unread), gapsShown)], "UnreadAll": len(repository.Unread), "Artifacts": len(repository.Artifacts),
	}})
}

func changesOf(d registry.Diff) []versionChange {
	var list []versionChange
	for _, c := range []versionChange{
		{Word: "fixed", Class: "complete", Icon: "complete", List: d.Fixed},
		{Word: "new", Class: "partial", Icon: "partial", List: d.New},
		{Word: "regressed", Class: "failed", Icon: "failed", List: d.Regressed},
	} {
		c.Count = len(c.List)
		c.More = max(c.Count-changesShown, 0)
		c.List = c.List[:min(c.Count, changesShown)]
		if c.Count > 0 {
			list = append(list, c)
		}
	}
	return list
}

// imagePage is one image.
type imagePage struct {
	workspace.ImageDetail
	Host, HostURL string
	OS            string
	Estate        bool
	CanScan       bool
	Runs          []runRow
	RunsMore      int
	Findings      []workspace.Finding
	FindingsMore  int
	Packages      []azward.Package
	PackagesMore  int
	Filter        string
	Base          []layerRow
	Own           []layerRow
}

type runRow struct {
	registry.Run
	URL, Verdicts string
}

type layerRow struct {
	registry.Layer
	Number int
	Size   string
}

func (s *Site) image(w http.ResponseWriter, r *http.Request) error {
	ctx, host := r.Context(), r.PathValue("host")
	found, err := s.o.Workspace.RegistryImage(ctx, host, r.URL.Query().Get("name"))
	if err != nil {
		return err
	}
	view, err := s.o.Workspace.RegistryView(ctx, host)
	if err != nil {
		return err
	}
	v := imagePage{CanScan: s.o.Jobs != nil && who(r).Role.Allows(leastOf("POST /registries/images/scan")), ImageDetail: found, Host: host, HostURL: registryURL(host), Estate: view.Estate, Filter: r.URL.Query().Get("q"), OS: strings.TrimSpace(found.OS.ID + " " + found.OS.Version)}
	v.Findings, v.FindingsMore = found.Found[:min(len(found.Found), findingsShown)], max(len(found.Found)-findingsShown, 0)
	for _, run := range found.Image.Runs[:min(len(found.Image.Runs), runsShown)] {
		v.Runs = append(v.Runs, runRow{run, resourceURL(run.Workload.ID), listURL(workspace.Filters{Workload: string(run.Workload.ID), Dismissed: workspace.WithDismissed}.Query())})
	}
	v.RunsMore = max(len(found.Image.Runs)-runsShown, 0)
	for n, l := range found.Layers {
		row := layerRow{l, n + 1, megabytes(l.Size)}
		if l.Base {
			v.Base = append(v.Base, row)
		} else {
			v.Own = append(v.Own, row)
		}
	}
	if err := s.packages(r, &v); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "image", page{Title: found.Name, Section: "registries", Data: v})
}

// packages are those of the image that the filter selects, by name.
func (s *Site) packages(r *http.Request, v *imagePage) error {
	kept, ok, err := s.o.Workspace.Store.Image(r.Context(), v.Digest)
	if err != nil || !ok {
		return err
	}
	text := strings.ToLower(v.Filter)
	for _, p := range kept.Packages {
		if text == "" || strings.Contains(strings.ToLower(p.PURL), text) {
			v.Packages = append(v.Packages, p)
		}
	}
	slices.SortFunc(v.Packages, func(a, b azward.Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.PURL, b.PURL))
	})
	v.PackagesMore = max(len(v.Packages)-packagesShown, 0)
	v.Packages = v.Packages[:min(len(v.Packages), packagesShown)]
	return nil
}

// megabytes writes a size in the unit of registries.
func megabytes(size int64) string {
	const kilo, mega = 1e3, 1e6
	switch {
	case size <= 0:
		return "0"
	case size < mega:
		return strconv.FormatFloat(float64(size)/kilo, 'f', 1, 64) + " kB"
	}
	return strconv.FormatFloat(float64(size)/mega, 'f', 1, 64) + " MB"
}
