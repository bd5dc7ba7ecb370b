package impact

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// identified is the part of a resource that names its managed identities.
//
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/overview
type identified struct {
	Identity struct {
		PrincipalID            string `json:"principalId"`
		UserAssignedIdentities map[string]struct {
			PrincipalID string `json:"principalId"`
		} `json:"userAssignedIdentities"`
	} `json:"identity"`
}

type userAssigned struct {
	Properties struct {
		PrincipalID string `json:"principalId"`
		ClientID    string `json:"clientId"`
	} `json:"properties"`
}

const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities"

// resourceIdentity is what the identities of an ARM resource may do: code in
// the workload gets their tokens from the local endpoint.
func (r *radius) resourceIdentity() {
	v, err := estate.Decode[identified](r.w.Resource)
	if err != nil {
		r.doubt(AzureRights, "which identities the workload has is not known", []azward.Gap{{Scope: r.w.ID, Kind: azward.GapUnparsed, Reads: "identity", Error: err.Error()}})
		return
	}
	if id := v.Identity.PrincipalID; id != "" {
		r.principal(id, "its system-assigned identity", r.w.Resource.Evidence("/identity/principalId", "a token for it is there for the asking"))
	}
	for _, id := range slices.Sorted(maps.Keys(v.Identity.UserAssignedIdentities)) {
		escaped := strings.ReplaceAll(strings.ReplaceAll(id, "~", "~0"), "/", "~1")
		has := r.w.Resource.Evidence("/identity/userAssignedIdentities/"+escaped, "a token for it is there for the asking")
		r.userAssigned(azward.ResourceID(id), v.Identity.UserAssignedIdentities[id].PrincipalID, has)
	}
}

// userAssigned is what a user-assigned identity may do; its principal is in the
// resource that has it, or in the identity itself.
func (r *radius) userAssigned(id azward.ResourceID, principal string, has azward.Evidence) {
	name := "identity " + id.Name()
	if principal == "" {
		if object, ok := r.e.Resource(id); ok {
			if v, err := estate.Decode[userAssigned](object); err == nil {
				principal = v.Properties.PrincipalID
			}
		}
	}
	if principal == "" {
		r.doubt(AzureRights, "what "+name+" may do in Azure is not known", []azward.Gap{{
			Scope: id, Kind: azward.GapNotRead, Reads: identityType, Needs: identityType + "/read", Error: "the identity was not read, so its principal is not known",
		}}, has)
		return
	}
	r.principal(principal, name, has)
}

// workloadIdentity is the Azure identity that a service account stands for.
//
// Source: https://learn.microsoft.com/azure/aks/workload-identity-overview#service-account-labels-and-annotations
func (r *radius) workloadIdentity(t podTemplate, pointer, namespace, name string, object *estate.Resource, a account) {
	clientID := a.Metadata.Annotations["azure.workload.identity/client-id"]
	if clientID == "" || object == nil || t.Metadata.Labels["azure.workload.identity/use"] != "true" {
		return
	}
	subject := "system:serviceaccount:" + namespace + ":" + name
	has := []azward.Evidence{
		r.w.Resource.Evidence(pointer+"/metadata/labels/azure.workload.identity~1use", "a token that Entra takes is put into the pod"),
		object.Evidence("/metadata/annotations/azure.workload.identity~1client-id", "the identity that it is for"),
	}
	for _, identity := range r.e.Matching(identityType, func(x *estate.Resource) bool {
		v, err := estate.Decode[userAssigned](x)
		return err == nil && strings.EqualFold(v.Properties.ClientID, clientID)
	}) {
		for _, credential := range r.e.Children(identity.ID, identityType+"/federatedIdentityCredentials") {
			if v, err := estate.Decode[federated](credential); err == nil && v.Properties.Subject == subject {
				principal, err := estate.Decode[userAssigned](identity)
				if err == nil {
					r.principal(principal.Properties.PrincipalID, "identity "+identity.Name, append(has, credential.Evidence("/properties/subject", "trusts this service account"))...)
				}
				return
			}
		}
	}
	r.doubt(AzureRights, "what the identity of service account "+name+" may do in Azure is not known", []azward.Gap{{
		Scope: object.ID, Kind: azward.GapNotRead, Reads: identityType, Needs: identityType + "/federatedIdentityCredentials/read",
		Error: "no identity of client ID " + clientID + " with a federated credential for " + subject + " was read; it may be an application of the directory",
	}}, has...)
}

type federated struct {
	Properties struct {
		Subject string `json:"subject"`
	} `json:"properties"`
}

type kubelet struct {
	Properties struct {
		IdentityProfile map[string]struct {
			ObjectID   string `json:"objectId"`
			ResourceID string `json:"resourceId"`
		} `json:"identityProfile"`
	} `json:"properties"`
}

// nodeIdentity is the kubelet's identity: unless a policy stops it, a pod gets
// its tokens from the node's metadata endpoint.
//
// Source: https://learn.microsoft.com/azure/aks/use-managed-identity#summary-of-managed-identities-used-by-aks
func (r *radius) nodeIdentity() {
	if r.w.Cluster == nil {
		return
	}
	v, err := estate.Decode[kubelet](r.w.Cluster)
	if err != nil {
		r.doubt(AzureRights, "what the nodes' identity may do in Azure is not known", []azward.Gap{{Scope: r.w.Cluster.ID, Kind: azward.GapUnparsed, Reads: "/properties/identityProfile", Error: err.Error()}})
		return
	}
	k, ok := v.Properties.IdentityProfile["kubeletidentity"]
	if !ok || k.ObjectID == "" {
		return
	}
	r.principal(k.ObjectID, "the nodes' identity", r.w.Cluster.Evidence("/properties/identityProfile/kubeletidentity", "pods reach the metadata endpoint of their node, 169.254.169.254"))
}

// assignment is a role assignment.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.authorization/roleassignments
type assignment struct {
	Properties struct {
		PrincipalID      string            `json:"principalId"`
		PrincipalType    string            `json:"principalType"`
		RoleDefinitionID azward.ResourceID `json:"roleDefinitionId"`
		Scope            azward.ResourceID `json:"scope"`
		Condition        string            `json:"condition"`
	} `json:"properties"`
}

const (
	assignmentType = "Microsoft.Authorization/roleAssignments"
	definitionType = "Microsoft.Authorization/roleDefinitions"
	denyType       = "Microsoft.Authorization/denyAssignments"
	vaultType      = "Microsoft.KeyVault/vaults"
)

// principal adds what a principal's role assignments and access policies give.
func (r *radius) principal(principal, name string, has ...azward.Evidence) {
	for _, a := range r.e.Matching(assignmentType, func(x *estate.Resource) bool {
		v, err := estate.Decode[assignment](x)
		return err != nil || strings.EqualFold(v.Properties.PrincipalID, principal) // what is not understood may be its own
	}) {
		r.assigned(a, name, has)
	}
	r.accessPolicies(principal, name, has)
	r.groups(name, has)
	_, missing := r.e.Absence("", assignmentType, definitionType, denyType)
	if len(missing) > 0 {
		r.doubt(AzureRights, "what else "+name+" may do in Azure is not known", missing, has...)
	}
}

// groups says that rights may come by groups of the directory, where any role
// is assigned to one: who is in them is not read.
func (r *radius) groups(name string, has []azward.Evidence) {
	seen := false
	for _, a := range r.e.Matching(assignmentType, func(x *estate.Resource) bool {
		v, err := estate.Decode[assignment](x)
		first := !seen && err == nil && strings.EqualFold(v.Properties.PrincipalType, "Group")
		seen = seen || first
		return first // one is enough to know that there are some
	}) {
		r.doubt(AzureRights, name+" may have more rights by groups of the directory", []azward.Gap{{
			Scope: a.ID, Kind: azward.GapNotRead, Reads: "members of groups", Needs: "GroupMember.Read.All of Microsoft Graph",
			Error: "roles are assigned to groups, and who is in them is not read",
		}}, has...)
	}
}

// assigned adds what one assignment gives.
func (r *radius) assigned(a *estate.Resource, name string, has []azward.Evidence) {
	v, err := estate.Decode[assignment](a)
	if err != nil {
		r.doubt(AzureRights, "a role assignment that may be of "+name+" is not understood", []azward.Gap{{Scope: a.ID, Kind: azward.GapUnparsed, Reads: assignmentType, Error: err.Error()}}, has...)
		return
	}
	p := v.Properties
	evidence := append(slices.Clone(has), a.Evidence("/properties/roleDefinitionId", "a role on "+string(p.Scope)))
	definitions := r.e.Matching(definitionType, func(x *estate.Resource) bool {
		return strings.EqualFold(x.ID.Name(), p.RoleDefinitionID.Name())
	})
	if len(definitions) == 0 {
		r.doubt(AzureRights, "what a role of "+name+" gives is not known", []azward.Gap{{
			Scope: p.RoleDefinitionID, Kind: azward.GapNotRead, Reads: definitionType, Needs: definitionType + "/read", Error: "the role definition was not read",
		}}, evidence...)
		return
	}
	role := definitions[0]
	d, err := estate.Decode[definition](role)
	if err != nil {
		r.doubt(AzureRights, "a role of "+name+" is not understood", []azward.Gap{{Scope: role.ID, Kind: azward.GapUnparsed, Reads: "permissions", Error: err.Error()}}, evidence...)
		return
	}
	evidence = append(evidence, role.Evidence("/properties/permissions", "what "+d.Properties.RoleName+" may do"))
	for _, can := range powers {
		if !d.allows(can) {
			continue
		}
		over, some := can.on(r.e, p.Scope)
		if !some {
			continue
		}
		summary := name + " " + over
		if why := r.limited(a, p.Scope, p.Condition, can); why != nil {
			r.doubt(AzureRights, "perhaps "+summary, why, evidence...)
			continue
		}
		r.add(can.rank(p.Scope), AzureRights, summary, evidence...)
		if can.all {
			return // the rest follows
		}
	}
}

// limited says why an assignment may give less than its role: a condition, or
// a deny assignment at its scope.
func (r *radius) limited(a *estate.Resource, scope azward.ResourceID, condition string, can power) []azward.Gap {
	if condition != "" {
		return []azward.Gap{{Scope: a.ID, Kind: azward.GapUnsupported, Reads: "/properties/condition", Error: "the assignment has a condition, and conditions are not evaluated"}}
	}
	denies := r.e.Matching(denyType, func(x *estate.Resource) bool {
		at, _, _ := strings.Cut(strings.ToLower(string(x.ID)), "/providers/microsoft.authorization/denyassignments/")
		return scope.Within(azward.ResourceID(at)) || azward.ResourceID(at).Within(scope)
	})
	if len(denies) > 0 && !can.data {
		return []azward.Gap{{Scope: denies[0].ID, Kind: azward.GapUnsupported, Reads: denyType, Error: fmt.Sprintf("%d deny assignments apply there, and whom they except is not evaluated", len(denies))}}
	}
	return nil
}

// policies are a vault's own rights, from before role assignments.
//
// Source: https://learn.microsoft.com/azure/key-vault/general/assign-access-policy
type policies struct {
	Properties struct {
		EnableRBAC     *bool `json:"enableRbacAuthorization"`
		AccessPolicies []struct {
			ObjectID    string `json:"objectId"`
			Permissions struct {
				Secrets []string `json:"secrets"`
				Keys    []string `json:"keys"`
			} `json:"permissions"`
		} `json:"accessPolicies"`
	} `json:"properties"`
}

func (r *radius) accessPolicies(principal, name string, has []azward.Evidence) {
	for _, vault := range r.e.Matching(vaultType, func(x *estate.Resource) bool {
		v, err := estate.Decode[policies](x)
		return err != nil || (v.Properties.EnableRBAC == nil || !*v.Properties.EnableRBAC) && policyOf(v, principal) >= 0
	}) {
		v, err := estate.Decode[policies](vault)
		if err != nil {
			r.doubt(AzureRights, "what "+name+" may do in vault "+vault.Name+" is not known", []azward.Gap{{Scope: vault.ID, Kind: azward.GapUnparsed, Reads: "/properties/accessPolicies", Error: err.Error()}}, has...)
			continue
		}
		at := policyOf(v, principal)
		evidence := append(slices.Clone(has), vault.Evidence(fmt.Sprintf("/properties/accessPolicies/%d/permissions", at), "an access policy for it"))
		p := v.Properties.AccessPolicies[at].Permissions
		if holds(p.Secrets, "get") {
			r.add(Data, AzureRights, name+" reads the secrets of vault "+vault.Name, evidence...)
		}
		for _, use := range []string{"decrypt", "unwrapKey", "sign"} {
			if holds(p.Keys, use) {
				r.add(Data, AzureRights, name+" uses the keys of vault "+vault.Name, evidence...)
				break
			}
		}
	}
}

func policyOf(v *policies, principal string) int {
	for i, p := range v.Properties.AccessPolicies {
		if strings.EqualFold(p.ObjectID, principal) {
			return i
		}
	}
	return -1
}

func holds(list []string, item string) bool {
	return slices.ContainsFunc(list, func(have string) bool { return strings.EqualFold(have, item) || strings.EqualFold(have, "all") })
}
