package azuresim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/rbac"
	"github.com/azward/azward/azuresim/scenario"
)

// build makes what the handlers share: objects, permissions, authority.
func (s *Server) build() error {
	sc := s.o.Scenario
	definitions := s.definitions()
	granted, err := assignmentsOf(sc, definitions)
	if err != nil {
		return err
	}
	records := make([]inventory.Input, 0, len(sc.ARM)+len(granted))
	for _, r := range sc.ARM {
		records = append(records, inventory.Input{ID: r.ID, APIVersion: r.APIVersion, Body: r.Body})
	}
	if !sc.Exact {
		for _, g := range granted {
			records = append(records, g.record())
		}
	}
	if s.inventory, err = inventory.New(sc.Tenant.ID, records, sc.Exact); err != nil {
		return fmt.Errorf("order the estate: %w", err)
	}
	s.policy = s.newPolicy(definitions, granted)
	s.authority, err = entra.New(entra.Options{
		Tenant: sc.Tenant, Apps: sc.Apps, BaseURL: s.entraURL, ARMEndpoint: s.armURL, GraphEndpoint: s.graphURL,
		Seen: noteClient, Now: s.now,
	})
	return err
}

// granted is a grant of the scenario as an assignment.
type granted struct {
	rbac.Assignment
	principalType string
}

func assignmentsOf(sc *scenario.Scenario, definitions []rbac.Definition) ([]granted, error) {
	roles := rbac.New(definitions, nil, nil, nil)
	var all []granted
	for _, g := range sc.Grants {
		app, _ := sc.App(g.App)
		role, ok := roles.Role(g.Role)
		if !ok {
			return nil, fmt.Errorf("the grant to %s names role %.80q, which is neither built in nor in the estate", g.App, g.Role)
		}
		all = append(all, granted{rbac.Assignment{PrincipalID: app.ObjectID, RoleGUID: role.GUID, Scope: g.Scope}, "ServicePrincipal"})
	}
	return all, nil
}

// record is the assignment as ARM shows it.
//
// Source: https://learn.microsoft.com/rest/api/authorization/role-assignments/get
func (g granted) record() inventory.Input {
	sum := sha256.Sum256([]byte(strings.ToLower(g.PrincipalID + g.RoleGUID + g.Scope)))
	h := hex.EncodeToString(sum[:16])
	name := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	scope := strings.TrimRight(g.Scope, "/")
	subscription := ""
	if strings.HasPrefix(strings.ToLower(scope), "/subscriptions/") {
		subscription = strings.Join(strings.SplitN(scope, "/", 4)[:3], "/")
	}
	id := scope + "/providers/Microsoft.Authorization/roleAssignments/" + name
	body, err := json.Marshal(map[string]any{
		"id": id, "name": name, "type": "Microsoft.Authorization/roleAssignments",
		"properties": map[string]any{
			"roleDefinitionId": subscription + "/providers/Microsoft.Authorization/roleDefinitions/" + g.RoleGUID,
			"principalId":      g.PrincipalID, "principalType": g.principalType, "scope": g.Scope,
			"createdOn": "2024-01-01T00:00:00.0000000Z", "updatedOn": "2024-01-01T00:00:00.0000000Z",
		},
	})
	if err != nil {
		body = json.RawMessage("{}") // texts always marshal
	}
	return inventory.Input{ID: id, Body: body}
}

// definitions are the built-in roles, then the estate's, which win.
func (s *Server) definitions() []rbac.Definition {
	all := rbac.Builtin()
	for _, r := range s.o.Scenario.ARM {
		if !strings.EqualFold(inventory.TypeOf(r.ID), "Microsoft.Authorization/roleDefinitions") {
			continue
		}
		var body struct {
			Properties struct {
				RoleName         string            `json:"roleName"`
				Type             string            `json:"type"`
				Permissions      []rbac.Permission `json:"permissions"`
				AssignableScopes []string          `json:"assignableScopes"`
			} `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue // served as it is; it can grant nothing
		}
		p := body.Properties
		all = append(all, rbac.Definition{
			GUID: r.ID[strings.LastIndexByte(r.ID, '/')+1:], RoleName: p.RoleName,
			Custom: !strings.EqualFold(p.Type, "BuiltInRole"), Permissions: p.Permissions, Assignable: p.AssignableScopes,
		})
	}
	return all
}

func (s *Server) newPolicy(definitions []rbac.Definition, granted []granted) *rbac.Policy {
	var assignments []rbac.Assignment
	for r := range s.inventory.List("/", "Microsoft.Authorization/roleAssignments") {
		var body struct {
			Properties struct {
				RoleDefinitionID string `json:"roleDefinitionId"`
				PrincipalID      string `json:"principalId"`
			} `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue
		}
		role := body.Properties.RoleDefinitionID
		assignments = append(assignments, rbac.Assignment{
			PrincipalID: body.Properties.PrincipalID, RoleGUID: role[strings.LastIndexByte(role, '/')+1:], Scope: arm.ScopeOf(r),
		})
	}
	if s.o.Scenario.Exact {
		for _, g := range granted {
			assignments = append(assignments, g.Assignment)
		}
	}
	return rbac.New(definitions, assignments, s.denies(), s.inventory.Ancestors)
}

// denies are the estate's deny assignments and what the scenario takes away.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/deny-assignments
func (s *Server) denies() []rbac.Deny {
	var all []rbac.Deny
	for r := range s.inventory.List("/", "Microsoft.Authorization/denyAssignments") {
		var body struct {
			Properties struct {
				Permissions             []rbac.Permission `json:"permissions"`
				Principals              []principalRef    `json:"principals"`
				ExcludePrincipals       []principalRef    `json:"excludePrincipals"`
				DoNotApplyToChildScopes bool              `json:"doNotApplyToChildScopes"`
			} `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue
		}
		p := body.Properties
		all = append(all, rbac.Deny{
			Scope: arm.ScopeOf(r), Permissions: p.Permissions, NotChildScopes: p.DoNotApplyToChildScopes,
			Principals: ids(p.Principals), ExcludePrincipals: ids(p.ExcludePrincipals),
		})
	}
	for _, d := range s.o.Scenario.Denies {
		all = append(all, rbac.Deny{
			Scope: d.Scope, Principals: []string{rbac.Everyone},
			Permissions: []rbac.Permission{{Actions: []string{d.Action}, DataActions: []string{d.Action}}},
		})
	}
	return all
}

type principalRef struct {
	ID string `json:"id"`
}

func ids(refs []principalRef) []string {
	all := make([]string, 0, len(refs))
	for _, r := range refs {
		all = append(all, r.ID)
	}
	return all
}

// name turns a client ID into the app's name.
func (s *Server) name(clientID string) string {
	for _, a := range s.o.Scenario.Apps {
		if strings.EqualFold(a.ClientID, clientID) {
			return a.Name
		}
	}
	return clientID
}

func (s *Server) groupsOf(objectID string) []string {
	for _, a := range s.o.Scenario.Apps {
		if strings.EqualFold(a.ObjectID, objectID) {
			return a.Groups
		}
	}
	return nil
}
