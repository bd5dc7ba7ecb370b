package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
)

// Azure is what the doctor reads. Its errors are *azward.Error with KindSignIn,
// KindRole and so on, decided on Azure's codes.
type Azure interface {
	// Subscriptions signs in and lists what the principal sees.
	Subscriptions(context.Context) ([]Subscription, error)
	// Permissions lists what the principal may do at a scope.
	Permissions(ctx context.Context, scope azward.ResourceID) ([]Permission, error)
	// Resources lists the resources of a type by Resource Graph.
	Resources(ctx context.Context, subscriptions []azward.SubscriptionID, resourceType string) ([]Resource, error)
	// Directory reads one object or page from Microsoft Graph.
	Directory(ctx context.Context, path string, query ...string) error
	// Grants says what the token for Microsoft Graph grants.
	Grants(context.Context) (azure.MSGraphGrants, error)
}

// Subscription as Azure lists it.
type Subscription struct {
	ID    azward.SubscriptionID
	Name  string
	State string // Enabled, Warned, PastDue, Disabled or Deleted
}

// Resource as Resource Graph lists it.
type Resource struct {
	ID azward.ResourceID
	// RoleAssignmentMode of a registry: [abacRepositories] or another word; ""
	// of anything else, and of registries that never chose.
	RoleAssignmentMode string
}

// abacRepositories is the mode in which a registry obeys data actions alone,
// and Reader's "*/read" pulls nothing.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
const abacRepositories = "AbacRepositoryPermissions"

// Permission is one entry of a scope's permissions: what Actions name is
// allowed, less what NotActions name. Several entries add up.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
type Permission struct {
	Actions, NotActions, DataActions, NotDataActions []string
}

// CheckID names a check of the doctor.
type CheckID string

// What the doctor checks, in this order.
const (
	CheckSignIn        CheckID = "signIn"
	CheckSubscriptions CheckID = "subscriptions"
	CheckState         CheckID = "subscriptionState"
	CheckRead          CheckID = "read"
	CheckResourceGraph CheckID = "resourceGraph"
	CheckDirectory     CheckID = "directory"
	CheckClusters      CheckID = "clusters"
	CheckRegistries    CheckID = "registries"
)

// Check is one finding of the doctor.
type Check struct {
	ID      CheckID `json:"id"`
	Subject string  `json:"subject,omitempty"` // a scope or a permission, where the check has one
	// Answer is Yes when it works, No when it does not, and Unknown when that
	// could not be told.
	Answer azward.Answer `json:"answer"`
	// Optional checks cost parts of the answer, not the scan.
	Optional bool         `json:"optional,omitempty"`
	Summary  string       `json:"summary"`
	Remedy   string       `json:"remedy,omitempty"` // the command or step that mends it
	Kind     *azward.Kind `json:"-"`                // of the error behind it; nil when there is none
}

// Patient is the connection that the doctor looks at.
type Patient struct {
	TenantID azward.TenantID
	// Assignee is who gets roles: the client ID of the application, or what
	// names the identity otherwise. "" leaves a gap in the commands.
	Assignee string
}

// Actions that a scan with Reader relies on, one for each service that it
// reads. A custom role with these is as good as Reader.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
func readActions() []string {
	return []string{
		"Microsoft.Resources/subscriptions/resourceGroups/read",
		"Microsoft.Compute/virtualMachines/read",
		"Microsoft.Compute/virtualMachineScaleSets/read",
		"Microsoft.Network/networkInterfaces/read",
		"Microsoft.Network/networkSecurityGroups/read",
		"Microsoft.Network/virtualNetworks/read",
		"Microsoft.Network/routeTables/read",
		"Microsoft.Network/publicIPAddresses/read",
		"Microsoft.Network/loadBalancers/read",
		"Microsoft.Network/applicationGateways/read",
		"Microsoft.Network/privateEndpoints/read",
		"Microsoft.ContainerService/managedClusters/read",
		"Microsoft.ContainerRegistry/registries/read",
		"Microsoft.ContainerInstance/containerGroups/read",
		"Microsoft.App/containerApps/read",
		"Microsoft.App/managedEnvironments/read",
		"Microsoft.Web/sites/read",
		"Microsoft.Web/sites/config/read",
		"Microsoft.Storage/storageAccounts/read",
		"Microsoft.Sql/servers/read",
		"Microsoft.KeyVault/vaults/read",
		"Microsoft.ManagedIdentity/userAssignedIdentities/read",
		"Microsoft.DBforPostgreSQL/flexibleServers/read",
		"Microsoft.DBforMySQL/flexibleServers/read",
		"Microsoft.DocumentDB/databaseAccounts/read",
		"Microsoft.Cache/redis/read",
		"Microsoft.EventHub/namespaces/read",
		"Microsoft.ServiceBus/namespaces/read",
		"Microsoft.CognitiveServices/accounts/read",
		"Microsoft.Search/searchServices/read",
		"Microsoft.Security/pricings/read",
		"Microsoft.Security/assessments/read",
		"Microsoft.Insights/diagnosticSettings/read",
		"Microsoft.Insights/activityLogAlerts/read",
		"Microsoft.PolicyInsights/policyStates/read",
		"Microsoft.Authorization/policyAssignments/read",
		"Microsoft.Authorization/locks/read",
		"Microsoft.Authorization/roleAssignments/read",
		"Microsoft.Authorization/roleDefinitions/read",
	}
}

// Diagnose asks Azure what works for the patient. A root cause hides its
// consequences: without a sign-in there is one check, not eight.
func Diagnose(ctx context.Context, azure Azure, patient Patient) []Check {
	d := doctor{azure: azure, patient: patient}
	subscriptions, ok := d.signIn(ctx)
	if !ok {
		return d.checks
	}
	enabled := d.subscriptions(ctx, subscriptions)
	if len(enabled) > 0 {
		d.resources(ctx, enabled)
	}
	d.directory(ctx)
	return d.checks
}

// Worst turns the checks into the error to end with: nil when all that a scan
// needs works. A sign-in that fails weighs most, then a missing role, then the
// first other check that does not say yes.
func Worst(checks []Check) error {
	var worst *Check
	for i, c := range checks {
		if c.Optional || c.Answer == azward.Yes {
			continue
		}
		if worst == nil || weight(c) > weight(*worst) {
			worst = &checks[i]
		}
	}
	if worst == nil {
		return nil
	}
	kind := azward.KindFailed
	if worst.Kind != nil {
		kind = *worst.Kind
	}
	return &azward.Error{Kind: kind, Op: "check connection", Subject: worst.Subject, Cause: worst.Summary, Remedy: worst.Remedy}
}

func weight(c Check) int {
	if c.Kind == nil {
		return 0
	}
	switch *c.Kind {
	case azward.KindSignIn:
		return 2
	case azward.KindRole:
		return 1
	default:
		return 0
	}
}

type doctor struct {
	azure   Azure
	patient Patient
	checks  []Check
	reader  bool // at least one subscription can be read
}

func (d *doctor) add(c Check) { d.checks = append(d.checks, c) }

// failed adds a check for an error, with the error's own cause and remedy.
// Denied is No; anything that says nothing about permissions is Unknown.
func (d *doctor) failed(c Check, err error, remedy string) {
	kind := azward.KindOf(err)
	c.Kind, c.Summary, c.Remedy = &kind, err.Error(), remedy
	if kind == azward.KindSignIn || kind == azward.KindRole {
		c.Answer = azward.No
	}
	var known *azward.Error
	if errors.As(err, &known) {
		c.Summary = known.Cause
		if known.Remedy != "" {
			c.Remedy = d.fill(known.Remedy)
		}
	}
	d.add(c)
}

func (d *doctor) signIn(ctx context.Context) ([]Subscription, bool) {
	subscriptions, err := d.azure.Subscriptions(ctx)
	tenant := string(d.patient.TenantID)
	switch azward.KindOf(err) {
	case azward.KindRole: // signed in, and listing was denied
		d.add(Check{ID: CheckSignIn, Subject: tenant, Answer: azward.Yes, Summary: "signed in"})
		d.failed(Check{ID: CheckSubscriptions, Subject: tenant}, err, d.grant("Reader", "/subscriptions/SUBSCRIPTION"))
		return nil, false
	default:
		if err != nil {
			d.failed(Check{ID: CheckSignIn, Subject: tenant}, err, "check that this machine reaches the sign-in endpoint, then try again")
			return nil, false
		}
	}
	d.add(Check{ID: CheckSignIn, Subject: tenant, Answer: azward.Yes, Summary: "signed in"})
	return subscriptions, true
}

// visible checks that there is a subscription at all.
func (d *doctor) visible(ctx context.Context, list []Subscription) bool {
	tenant := string(d.patient.TenantID)
	if len(list) == 0 {
		// Azure answers with an empty list, not 403, when no role is assigned.
		role := azward.KindRole
		d.add(Check{
			ID: CheckSubscriptions, Subject: tenant, Answer: azward.No, Kind: &role,
			Summary: "signed in, but no subscription is visible: no role is assigned at any" + d.withoutRole(ctx),
			Remedy:  d.grant("Reader", "/subscriptions/SUBSCRIPTION"),
		})
		return false
	}
	d.add(Check{ID: CheckSubscriptions, Subject: tenant, Answer: azward.Yes, Summary: fmt.Sprintf("%d visible", len(list))})
	return true
}

// subscriptions checks each subscription and returns those that can be read.
func (d *doctor) subscriptions(ctx context.Context, list []Subscription) []azward.SubscriptionID {
	if !d.visible(ctx, list) {
		return nil
	}
	var readable []azward.SubscriptionID
	for _, s := range list {
		d.state(s)
		if !strings.EqualFold(s.State, "Deleted") {
			readable = append(readable, s.ID)
			d.read(ctx, scope(s.ID))
		}
	}
	return readable
}

func scope(id azward.SubscriptionID) azward.ResourceID {
	return azward.ResourceID("/subscriptions/" + id)
}

// state tells a subscription that Azure has switched off. A disabled one can
// be read but not changed.
//
// Source: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
func (d *doctor) state(s Subscription) {
	c := Check{ID: CheckState, Subject: string(scope(s.ID)), Answer: azward.Yes, Summary: fmt.Sprintf("%s is %s", s.Name, s.State)}
	switch strings.ToLower(s.State) {
	case "enabled":
	case "warned", "pastdue":
		c.Summary += ": a payment is due, and it works until Azure disables it"
		c.Remedy = "settle it under Cost Management + Billing in the portal"
	case "disabled":
		c.Answer = azward.No
		c.Summary += ": it can be read, its workloads are stopped, and what needs a running service fails"
		c.Remedy = "az account subscription enable --id " + string(s.ID) + "  (its owner, after the reason under Cost Management + Billing is settled)"
	case "deleted":
		c.Answer = azward.No
		c.Summary += ": nothing of it can be read"
		c.Remedy = "its owner may reactivate it within 90 days: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states"
	default:
		c.Answer = azward.Unknown
		c.Summary += ", a state that azward does not know"
		c.Remedy = "compare with az account show --subscription " + string(s.ID)
	}
	// A state mends itself in billing; the scan goes on and reports its gaps.
	c.Optional = true
	d.add(c)
}

// read checks for what Reader gives.
func (d *doctor) read(ctx context.Context, scope azward.ResourceID) {
	c := Check{ID: CheckRead, Subject: string(scope)}
	permissions, err := d.azure.Permissions(ctx, scope)
	if err != nil {
		d.failed(c, err, d.grant("Reader", string(scope)))
		return
	}
	var missing []string
	for _, action := range readActions() {
		if !Allows(permissions, action) {
			missing = append(missing, action)
		}
	}
	if len(missing) == 0 {
		c.Answer, c.Summary = azward.Yes, "everything can be read"
		d.reader = true
		d.add(c)
		return
	}
	role := azward.KindRole
	c.Answer, c.Kind, c.Remedy = azward.No, &role, d.grant("Reader", string(scope))
	c.Summary = fmt.Sprintf("%d of %d actions are missing, such as %s", len(missing), len(readActions()), missing[0])
	if len(missing) == len(readActions()) {
		c.Summary = "nothing can be read: the Reader role is missing"
	}
	d.add(c)
}

// resources checks Resource Graph and, with what it lists, the clusters and
// registries.
func (d *doctor) resources(ctx context.Context, subscriptions []azward.SubscriptionID) {
	clusters, err := d.azure.Resources(ctx, subscriptions, "Microsoft.ContainerService/managedClusters")
	if err != nil {
		d.failed(Check{ID: CheckResourceGraph}, err, "Reader at the subscriptions gives it: "+d.grant("Reader", "/subscriptions/SUBSCRIPTION"))
		return
	}
	d.add(Check{ID: CheckResourceGraph, Answer: azward.Yes, Summary: "it answers"})
	for _, cluster := range clusters {
		d.may(ctx, Check{ID: CheckClusters, Subject: string(cluster.ID)}, "its objects can be asked for", "its objects cannot be read without its kubeconfig",
			d.grant("Azure Kubernetes Service Cluster User Role", string(cluster.ID)),
			func(p []Permission) bool {
				return Allows(p, "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action")
			})
	}
	registries, err := d.azure.Resources(ctx, subscriptions, "Microsoft.ContainerRegistry/registries")
	if err != nil {
		d.failed(Check{ID: CheckRegistries, Optional: true}, err, "try again")
		return
	}
	for _, registry := range registries {
		role, pulls := "AcrPull", func(p []Permission) bool { return Allows(p, "Microsoft.ContainerRegistry/registries/pull/read") }
		if strings.EqualFold(registry.RoleAssignmentMode, abacRepositories) {
			role, pulls = "Container Registry Repository Reader", func(p []Permission) bool {
				return allowsData(p, "Microsoft.ContainerRegistry/registries/repositories/content/read")
			}
		}
		d.may(ctx, Check{ID: CheckRegistries, Subject: string(registry.ID)}, "its images can be pulled",
			"its images cannot be pulled, so what is in them stays unknown", d.grant(role, string(registry.ID)), pulls)
	}
}

// may checks for a permission at the check's subject.
func (d *doctor) may(ctx context.Context, c Check, yes, no, remedy string, allowed func([]Permission) bool) {
	c.Optional = true
	permissions, err := d.azure.Permissions(ctx, azward.ResourceID(c.Subject))
	if err != nil {
		d.failed(c, err, remedy)
		return
	}
	c.Answer, c.Summary, c.Remedy = azward.No, no, remedy
	if allowed(permissions) {
		c.Answer, c.Summary, c.Remedy = azward.Yes, yes, ""
	}
	d.add(c)
}

// fill puts the patient's own IDs where an error's remedy leaves a gap.
func (d *doctor) fill(remedy string) string {
	pairs := []string{"CLIENT-ID", d.assignee(), "PRINCIPAL", d.assignee()}
	if d.patient.TenantID != "" {
		pairs = append(pairs, "TENANT-ID", string(d.patient.TenantID))
	}
	return strings.NewReplacer(pairs...).Replace(remedy)
}

func (d *doctor) assignee() string {
	if d.patient.Assignee == "" {
		return "CLIENT-ID"
	}
	return d.patient.Assignee
}

// grant is the command that assigns a role.
func (d *doctor) grant(role, scope string) string {
	if strings.Contains(role, " ") {
		role = `"` + role + `"`
	}
	return fmt.Sprintf("az role assignment create --assignee %s --role %s --scope %s", d.assignee(), role, scope)
}

// Allows reports whether the permissions allow an action of the control plane.
func Allows(permissions []Permission, action string) bool {
	return slices.ContainsFunc(permissions, func(p Permission) bool {
		return matchesAny(p.Actions, action) && !matchesAny(p.NotActions, action)
	})
}

func allowsData(permissions []Permission, action string) bool {
	return slices.ContainsFunc(permissions, func(p Permission) bool {
		return matchesAny(p.DataActions, action) && !matchesAny(p.NotDataActions, action)
	})
}

func matchesAny(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, action) })
}

// matches compares without case; a * of the pattern stands for any characters,
// slashes too.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format
func matches(pattern, action string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	rest, ok := strings.CutPrefix(strings.ToLower(action), parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}
