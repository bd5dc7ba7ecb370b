package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// complete fills in what a person may leave out and refuses what contradicts
// itself, so that the servers need no second guess.
func (s *Scenario) complete() error {
	if s.Tenant.ID == "" {
		s.Tenant.ID = deriveGUID("tenant", s.Name)
	}
	if !isGUID(s.Tenant.ID) {
		return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("tenant.id %.60q is not a GUID", s.Tenant.ID)}
	}
	for i := range s.Apps {
		if err := s.completeApp(&s.Apps[i]); err != nil {
			return err
		}
	}
	if err := s.checkGrants(); err != nil {
		return err
	}
	if err := s.checkFaults(); err != nil {
		return err
	}
	if err := s.checkUnique(); err != nil {
		return err
	}
	return s.checkClusters()
}

func (s *Scenario) completeApp(a *App) error {
	bad := func(format string, args ...any) error {
		return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("app %.60q: ", a.Name) + fmt.Sprintf(format, args...)}
	}
	if a.Name == "" {
		a.Name = a.ClientID
	}
	if a.ClientID == "" {
		a.ClientID = deriveGUID("client", s.Tenant.ID, a.Name)
	}
	if a.ObjectID == "" {
		a.ObjectID = deriveGUID("object", s.Tenant.ID, a.Name)
	}
	if a.DisplayName == "" {
		a.DisplayName = a.Name
	}
	if !isGUID(a.ClientID) || !isGUID(a.ObjectID) {
		return bad("clientId and objectId are GUIDs")
	}
	for _, c := range a.Certificates {
		if c.Generate == (c.PEM != "") {
			return bad("a certificate has either pem or generate: true")
		}
	}
	for i := range a.FederatedCredentials {
		f := &a.FederatedCredentials[i]
		if f.Audience == "" {
			f.Audience = "api://AzureADTokenExchange"
		}
		if f.Subject == "" {
			return bad("a federated credential needs a subject")
		}
		if f.Issuer != "" && len(f.JWKS) == 0 {
			return bad("federated credential of issuer %.100q needs the issuer's public keys in jwks", f.Issuer)
		}
	}
	if a.Consent != "" && a.Consent != "missing" {
		return bad("consent is either left out or \"missing\"")
	}
	if a.ConditionalAccess != "" && a.ConditionalAccess != "block" {
		return bad("conditionalAccess is either left out or \"block\"")
	}
	return nil
}

func (s *Scenario) checkGrants() error {
	for _, g := range s.Grants {
		if _, ok := s.App(g.App); !ok {
			return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("a grant names app %.60q, which the scenario does not have", g.App)}
		}
		if g.Role == "" || !strings.HasPrefix(g.Scope, "/") {
			return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("the grant to %.60q needs a role and a scope that begins with /", g.App)}
		}
	}
	return nil
}

var services = []string{"", "arm", "entra", "msgraph", "kubernetes", "registry"}

// maxStars keeps matching a fault's path cheap.
const maxStars = 8

func (s *Scenario) checkFaults() error {
	for i, f := range s.Faults {
		name := f.Name
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
		}
		if !slices.Contains(services, f.Service) {
			return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("fault %.60s: service is one of arm, entra, msgraph, kubernetes and registry", name)}
		}
		if strings.Count(f.Path, "*") > maxStars {
			return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("fault %.60s: path has more than %d stars", name, maxStars)}
		}
		if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
			return &Error{File: "scenario.yaml", Msg: fmt.Sprintf("fault %.60s: status %d is none of HTTP's", name, f.Status)}
		}
	}
	return nil
}

// checkUnique refuses two records of one ID: Azure has one answer to a GET.
func (s *Scenario) checkUnique() error {
	seen := make(map[string]bool, len(s.ARM))
	for _, r := range s.ARM {
		key := strings.ToLower(r.ID)
		if seen[key] {
			return &Error{Msg: fmt.Sprintf("there are two records of %.300s", r.ID)}
		}
		seen[key] = true
	}
	return nil
}

// checkClusters gives each cluster name of kubernetes/ its ARM ID.
func (s *Scenario) checkClusters() error {
	for _, name := range slices.Sorted(maps.Keys(s.Kubernetes)) {
		if strings.HasPrefix(name, "/") {
			continue
		}
		id, err := s.clusterID(name)
		if err != nil {
			return err
		}
		s.Kubernetes[id] = append(s.Kubernetes[id], s.Kubernetes[name]...)
		delete(s.Kubernetes, name)
	}
	return nil
}

// clusterID finds the managed cluster of that name; the ID is in lower case.
func (s *Scenario) clusterID(name string) (string, error) {
	found := ""
	suffix := "/providers/microsoft.containerservice/managedclusters/" + strings.ToLower(name)
	for _, r := range s.ARM {
		if id := strings.ToLower(r.ID); strings.HasSuffix(id, suffix) {
			if found != "" {
				return "", &Error{File: "kubernetes/" + name, Msg: "two managed clusters in arm/ have this name"}
			}
			found = id
		}
	}
	if found == "" {
		return "", &Error{File: "kubernetes/" + name, Msg: "no managed cluster in arm/ has this name"}
	}
	return found, nil
}
