package web

import (
	"cmp"
	"net/http"

	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// integration is one connection in its card.
type integration struct {
	C        store.Connection
	URL      string
	Method   string
	Coverage *workspace.Coverage
}

// integrationsPage is the hub of integrations, by category.
type integrationsPage struct {
	Connections []integration
	Registries  []workspace.Registry
	CanConnect  bool
	CanTest     bool
	Scanners    []scanner
	Missing     *problem // why connections cannot be managed
}

// scanner is a format of others that azward reads.
type scanner struct{ Name, Says, Command string }

var scanners = []scanner{
	{"Trivy, Grype, Kubescape", "Their JSON reports.", "azward import trivy.json"},
	{"Defender for Cloud", "Sub-assessments, as Resource Graph prints them.", "azward import defender.json"},
	{"SARIF 2.1.0", "What any other scanner writes that speaks it.", "azward import results.sarif"},
	{"CycloneDX 1.4 to 1.6", "SBOMs with vulnerabilities.", "azward import bom.cdx.json"},
}

func (s *Site) integrations(w http.ResponseWriter, r *http.Request) error {
	ctx, role := r.Context(), who(r).Role
	v := integrationsPage{CanConnect: role.Allows(leastOf("POST /integrations/azure")), CanTest: role.Allows(access.Operator), Scanners: scanners}
	if err := s.connectionsThere(); err != nil {
		p := problemOf(err)
		v.Missing, v.CanConnect, v.CanTest = &p, false, false
	}
	list, err := s.o.Workspace.Store.Connections(ctx)
	if err != nil {
		return err
	}
	covered, err := s.o.Workspace.Coverage(ctx)
	if err != nil {
		return err
	}
	of := map[string]*workspace.Coverage{}
	for i := range covered {
		of[covered[i].Connection] = &covered[i]
	}
	for _, c := range list {
		v.Connections = append(v.Connections, integration{c, connectionURL(c.Name), methodName(c.Auth), of[c.Name]})
	}
	if v.Registries, err = s.o.Workspace.Registries(ctx); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "integrations", page{Title: "Integrations", Section: "integrations", Data: v})
}

// checkNames are what the doctor looks at, in words.
var checkNames = map[connect.CheckID]string{
	connect.CheckSignIn: "Sign-in", connect.CheckSubscriptions: "Subscriptions", connect.CheckState: "State of the subscription", connect.CheckRead: "Reading resources",
	connect.CheckResourceGraph: "Resource Graph", connect.CheckDirectory: "Directory", connect.CheckClusters: "Clusters", connect.CheckRegistries: "Registries",
}

func checkName(id connect.CheckID) string { return cmp.Or(checkNames[id], string(id)) }

func (s *Site) scanRegistry(w http.ResponseWriter, r *http.Request) error {
	return s.start(w, r, workspace.RegistryJob, "registry.scan", r.PostForm.Get("host"))
}

func (s *Site) scanImage(w http.ResponseWriter, r *http.Request) error {
	return s.start(w, r, workspace.ImageJob, "image.scan", r.PostForm.Get("image"))
}
