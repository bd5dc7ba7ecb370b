package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/estate"
)

const (
	subscriptionType    = "Microsoft.Resources/subscriptions"
	subscriptionVersion = "2022-12-01"
)

// Source: https://learn.microsoft.com/rest/api/resources/resource-groups/list
var resourceGroups = service{name: "resource groups", kinds: []kind{{
	resourceType: "Microsoft.Resources/resourceGroups", version: "2024-03-01", path: "/resourcegroups",
	action: "Microsoft.Resources/subscriptions/resourceGroups/read", table: noTable,
}}}

// subscription is one subscription on its way into the estate.
type subscription struct {
	*run
	id     azward.ResourceID // "/subscriptions/{id}"
	guid   azward.SubscriptionID
	name   string
	state  string
	access access
}

// subscriptions lists what the principal sees, files it, and returns what is
// to be read. That the list holds the whole tenant is proved by a role at the
// root management group alone: Azure lists the subscriptions where the
// principal has some role and keeps silent about the others.
//
// Source: https://learn.microsoft.com/rest/api/resources/subscriptions/list,
// https://learn.microsoft.com/azure/governance/management-groups/overview#root-management-group-for-each-directory
func (r *run) subscriptions(ctx context.Context) ([]*subscription, error) {
	var found []*subscription
	pages, tenant := 0, ""
	for page, err := range r.client.Pages(ctx, "/subscriptions", subscriptionVersion) {
		if err != nil {
			return nil, fmt.Errorf("list subscriptions: %w", err)
		}
		pages++
		for _, body := range page {
			s := &subscription{run: r}
			var head struct {
				ID             azward.ResourceID     `json:"id"`
				SubscriptionID azward.SubscriptionID `json:"subscriptionId"`
				DisplayName    string                `json:"displayName"`
				State          string                `json:"state"`
				TenantID       string                `json:"tenantId"`
			}
			if err := json.Unmarshal(body, &head); err != nil {
				return nil, fmt.Errorf("list subscriptions: %w", err)
			}
			s.id, s.guid, s.name, s.state = head.ID, head.SubscriptionID, head.DisplayName, head.State
			tenant = head.TenantID
			if !r.wanted(s.guid) {
				continue
			}
			if err := r.sink.arm(body, estate.Provenance{Source: azward.SourceARM, APIVersion: subscriptionVersion, ReadAt: r.readAt}); err != nil {
				return nil, fmt.Errorf("list subscriptions: %w", err)
			}
			if !strings.EqualFold(s.state, "Enabled") {
				r.notEnabled(s)
			}
			found = append(found, s)
		}
	}
	r.missing(found)
	if len(found) == 0 {
		return nil, r.noSubscription(ctx)
	}
	r.tenantListing(ctx, tenant, pages)
	return found, nil
}

func (r *run) wanted(id azward.SubscriptionID) bool {
	return len(r.o.Subscriptions) == 0 || slices.ContainsFunc(r.o.Subscriptions, func(s azward.SubscriptionID) bool {
		return strings.EqualFold(string(s), string(id))
	})
}

// missing notes the subscriptions that were asked for by ID and are not seen.
func (r *run) missing(found []*subscription) {
	for _, id := range r.o.Subscriptions {
		if slices.ContainsFunc(found, func(s *subscription) bool { return strings.EqualFold(string(s.guid), string(id)) }) {
			continue
		}
		scope := azward.ResourceID("/subscriptions/" + id)
		r.sink.gap(azward.Gap{
			Scope: scope, Kind: azward.GapDenied, Reads: estate.AllTypes, Needs: "*/read",
			Error: "the principal does not see this subscription, or it is not in this tenant", Remedy: r.grant("Reader", scope),
		})
	}
}

// notEnabled notes a subscription whose resources do not run as they would.
// They can still be read.
//
// Source: https://learn.microsoft.com/azure/cost-management-billing/manage/subscription-states
func (r *run) notEnabled(s *subscription) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.summary.NotEnabled = append(r.summary.NotEnabled, s.id)
}

func (r *run) noSubscription(ctx context.Context) error {
	who := "PRINCIPAL"
	if token, err := r.client.Principal(ctx); err == nil {
		who = token.ObjectID
	}
	return &azward.Error{
		Kind: azward.KindRole, Op: "list subscriptions", Subject: who, Cause: "the principal has no role on any subscription that was asked for",
		Remedy: fmt.Sprintf("az role assignment create --role Reader --assignee %s --scope /subscriptions/SUBSCRIPTION-ID", who),
	}
}

// tenantListing says what the subscriptions read are of the tenant. Azure lists
// those where the principal has a role, and these are the frame of every
// answer: what lies in another one leads to a resource here over a peering or
// an approved private link, and both stand on this side too. The listing says
// so; with a role at the root management group it is the whole tenant.
func (r *run) tenantListing(ctx context.Context, tenant string, pages int) {
	listing := estate.Listing{Scope: "/", Type: subscriptionType, Status: estate.ListingComplete, Via: azward.SourceARM, Pages: pages, ReadAt: r.readAt}
	root := azward.ResourceID("/providers/Microsoft.Management/managementGroups/" + tenant)
	switch {
	case r.o.WholeTenant:
		listing.Status, listing.Via = estate.ListingDeclared, ""
	case len(r.o.Subscriptions) > 0:
		listing.Status = estate.ListingPartial
		r.sink.gap(azward.Gap{
			Scope: "/", Kind: azward.GapNotRead, Reads: subscriptionType, Needs: subscriptionType + "/read",
			Error: "only the subscriptions that were asked for were read", Remedy: "read the tenant without naming subscriptions",
		})
	case r.coversTenant(ctx, root):
		listing.Via = ""
	}
	r.sink.listing(listing)
}

func (r *run) coversTenant(ctx context.Context, root azward.ResourceID) bool {
	permissions, err := r.client.Permissions(ctx, root)
	return err == nil && access{permissions: permissions}.covers(subscriptionType+"/read")
}

// grant is the command that gives the principal a role.
func (r *run) grant(role string, scope azward.ResourceID) string {
	return fmt.Sprintf("az role assignment create --role %q --assignee %s --scope %s", role, r.principal, scope)
}

// fatal reports an error that ends the run: nothing else would be answered.
func fatal(err error) bool {
	var e *azward.Error
	return errors.As(err, &e) && (e.Kind == azward.KindSignIn || e.Kind == azward.KindInterrupted) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// access is what the principal may do at a subscription.
type access struct {
	permissions []azure.Permission
	denied      []azure.Permission // of deny assignments, whoever they name
	err         error              // permissions could not be read
}

// covers reports whether an action is allowed at the subscription itself, and
// so at everything in it. A deny assignment counts whoever it names: whether
// the principal is in a group that it names cannot be seen.
func (a access) covers(action string) bool {
	allows := func(p azure.Permission) bool { return p.Allows(action) }
	return slices.ContainsFunc(a.permissions, allows) && !slices.ContainsFunc(a.denied, allows)
}
