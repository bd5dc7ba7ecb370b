package collect

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

type subscription struct {
	id    azward.SubscriptionID
	state string
}

// subscriptions lists what the principal sees, narrowed to what was asked for.
func (r *run) subscriptions(ctx context.Context) ([]subscription, error) {
	var all []subscription
	pages, err := r.list(ctx, "/subscriptions", subscriptionsVersion, func(body json.RawMessage) error {
		var s struct {
			SubscriptionID azward.SubscriptionID `json:"subscriptionId"`
			State          string                `json:"state"`
		}
		if err := json.Unmarshal(body, &s); err != nil || s.SubscriptionID == "" {
			r.gap(azward.Gap{Scope: "/", Kind: azward.GapUnparsed, Reads: "Microsoft.Resources/subscriptions", Error: "a subscription of the list has no subscriptionId"})
			return nil
		}
		all = append(all, subscription{s.SubscriptionID, s.State})
		r.add(body, "/", r.from(subscriptionsVersion))
		return nil
	})
	if err != nil {
		return nil, err
	}
	status := estate.ListingComplete
	if len(r.o.Subscriptions) > 0 {
		status = estate.ListingPartial // by the user's choice
		if all, err = narrowed(all, r.o.Subscriptions); err != nil {
			return nil, err
		}
	}
	if len(all) == 0 {
		return nil, &azward.Error{
			Kind: azward.KindRole, Op: "list subscriptions", Cause: "the principal sees no subscription",
			Remedy: "az role assignment create --role Reader --assignee PRINCIPAL --scope /subscriptions/SUBSCRIPTION-ID",
		}
	}
	r.listed("/", "Microsoft.Resources/subscriptions", status, pages)
	return slices.DeleteFunc(all, func(s subscription) bool {
		// A deleted subscription answers nothing; a disabled one can be read.
		return strings.EqualFold(s.state, "Deleted")
	}), nil
}

func narrowed(all []subscription, wanted []azward.SubscriptionID) ([]subscription, error) {
	var found []subscription
	for _, id := range wanted {
		i := slices.IndexFunc(all, func(s subscription) bool { return strings.EqualFold(string(s.id), string(id)) })
		if i < 0 {
			return nil, &azward.Error{
				Kind: azward.KindNotFound, Op: "choose subscription", Subject: string(id), Cause: "the principal does not see it",
				Remedy: "check the ID, or grant Reader: az role assignment create --role Reader --assignee PRINCIPAL --scope /subscriptions/" + string(id),
			}
		}
		found = append(found, all[i])
	}
	return found, nil
}

// permissions is what the principal may do at a subscription.
type permissions struct {
	blocks []struct {
		Actions    []string `json:"actions"`
		NotActions []string `json:"notActions"`
	}
	unread  bool
	nothing bool // it was told already that nothing here can be read
}

// permissions reads what the principal may do at the scope. When it may do
// nothing there, that is one gap for everything.
//
// Source: https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource
func (r *run) permissions(ctx context.Context, scope azward.ResourceID) (*permissions, error) {
	p := &permissions{}
	_, err := r.list(ctx, string(scope)+"/providers/Microsoft.Authorization/permissions", permissionsVersion, func(body json.RawMessage) error {
		p.blocks = append(p.blocks, struct {
			Actions    []string `json:"actions"`
			NotActions []string `json:"notActions"`
		}{})
		if err := json.Unmarshal(body, &p.blocks[len(p.blocks)-1]); err != nil {
			p.unread = true
		}
		return nil
	})
	if err != nil {
		p.unread = true
		return p, r.missing(scope, "the principal's permissions", "Microsoft.Authorization/permissions/read", err)
	}
	if len(p.blocks) == 0 {
		p.nothing = true
		r.gap(azward.Gap{
			Scope: scope, Kind: azward.GapDenied, Reads: estate.AllTypes, Needs: "*/read",
			Error:  "the principal has no role on the subscription itself, so every list may leave something out",
			Remedy: "az role assignment create --role Reader --assignee PRINCIPAL --scope " + string(scope),
		})
	}
	return p, nil
}

// allows says whether the permissions hold the action: one role has to grant
// it and not take it away again.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
func (p *permissions) allows(action string) azward.Answer {
	for _, b := range p.blocks {
		if slices.ContainsFunc(b.Actions, func(pattern string) bool { return matches(pattern, action) }) &&
			!slices.ContainsFunc(b.NotActions, func(pattern string) bool { return matches(pattern, action) }) {
			return azward.Yes
		}
	}
	if p.unread {
		return azward.Unknown
	}
	return azward.No
}

// matches compares an action with a pattern whose * stands for any text.
func matches(pattern, action string) bool {
	pattern, action = strings.ToLower(pattern), strings.ToLower(action)
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == action
	}
	if !strings.HasPrefix(action, parts[0]) {
		return false
	}
	action = action[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(action, part)
		if i < 0 {
			return false
		}
		action = action[i+len(part):]
	}
	return strings.HasSuffix(action, parts[len(parts)-1])
}
