package connect

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
)

// directoryFeature is what one permission of Microsoft Graph gives, and a
// small read that takes it.
type directoryFeature struct {
	permission string
	path       string
	query      []string
	gives      string
}

// directoryFeatures are the permissions that a scan of the directory takes, in
// the order that is best to grant them.
//
// Sources:
// https://learn.microsoft.com/graph/api/organization-list
// https://learn.microsoft.com/graph/api/authorizationpolicy-get
// https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityschedules
// https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails
// https://learn.microsoft.com/graph/api/accessreviewset-list-definitions
var directoryFeatures = []directoryFeature{
	{"Directory.Read.All", "/v1.0/organization", nil, "users, guests, groups, applications and the end of their credentials, delegated grants"},
	{"Policy.Read.All", "/v1.0/policies/authorizationPolicy", nil, "conditional access, security defaults, authentication methods, consent and guests' rights"},
	{"RoleManagement.Read.Directory", "/v1.0/roleManagement/directory/roleEligibilitySchedules", []string{"$top", "1"}, "who holds directory roles and who may activate them"},
	{"AuditLog.Read.All", "/v1.0/reports/authenticationMethods/userRegistrationDetails", []string{"$top", "1"}, "who has registered for MFA"},
	{"AccessReview.Read.All", "/v1.0/identityGovernance/accessReviews/definitions", []string{"$top", "1"}, "access reviews"},
}

// directory checks what Microsoft Graph gives: a check for each permission, or
// one when there is one cause for all. Who signed in decides which kind of
// permission counts.
func (d *doctor) directory(ctx context.Context) {
	grants, err := d.azure.Grants(ctx)
	if err != nil {
		d.failed(Check{ID: CheckDirectory, Optional: true}, err, "check that this machine reaches Microsoft Graph, then try again")
		return
	}
	if grants.None() {
		role := azward.KindRole
		d.add(Check{
			ID: CheckDirectory, Optional: true, Answer: azward.No, Kind: &role, Remedy: d.grantGraph(grants, directoryFeatures[0].permission),
			Summary: "no " + kindOfPermission(grants) + " permission of Microsoft Graph is granted, so everything about the directory stays unknown" + d.mistaken() +
				"; it takes " + wantedPermissions(),
		})
		return
	}
	for _, f := range directoryFeatures {
		d.feature(ctx, grants, f)
	}
}

// wantedPermissions lists the permissions, each to be granted in the same way.
func wantedPermissions() string {
	names := make([]string, len(directoryFeatures))
	for i, f := range directoryFeatures {
		names[i] = f.permission
	}
	return strings.Join(names, ", ")
}

// mistaken says what is taken for a permission of Microsoft Graph and is none,
// where the patient has it.
func (d *doctor) mistaken() string {
	if !d.reader {
		return ""
	}
	return " (the role Reader is one of Azure and gives nothing here)"
}

func kindOfPermission(g azure.MSGraphGrants) string {
	if g.User {
		return "delegated"
	}
	return "application"
}

func (d *doctor) feature(ctx context.Context, grants azure.MSGraphGrants, f directoryFeature) {
	c := Check{ID: CheckDirectory, Subject: f.permission, Optional: true}
	err := d.azure.Directory(ctx, f.path, f.query...)
	var known *azward.Error
	switch {
	case err == nil:
		c.Answer, c.Summary = azward.Yes, f.gives+" can be read"
		d.add(c)
	case errors.As(err, &known) && known.Kind == azward.KindRole:
		role := azward.KindRole
		c.Answer, c.Kind, c.Remedy = azward.No, &role, d.grantGraph(grants, f.permission)
		c.Summary = fmt.Sprintf("%s cannot be read: the %s permission %s of Microsoft Graph is missing", f.gives, kindOfPermission(grants), f.permission)
		switch {
		case grants.Has(f.permission) && grants.User:
			c.Summary = f.gives + " cannot be read: the permission is there, and acts only as far as the user's own directory roles"
			c.Remedy = "give the user the directory role Global Reader, or sign in as an application"
		case grants.Has(f.permission):
			c.Summary = f.gives + " cannot be read although the token has the permission: " + known.Cause
			c.Remedy = "a new permission takes some minutes: try again"
		case !grants.User:
			c.Summary += "; a delegated permission of that name does not count for an application, nor does a role of Azure"
		}
		d.add(c)
	default:
		d.failed(c, err, "try again")
	}
}

func (d *doctor) grantGraph(g azure.MSGraphGrants, permission string) string {
	return d.fill(azure.GrantMSGraph(g, permission))
}

// withoutRole adds to "no role at any subscription" what the principal has
// instead, since the two kinds of permission are easily taken for each other.
func (d *doctor) withoutRole(ctx context.Context) string {
	grants, err := d.azure.Grants(ctx)
	if err != nil || len(grants.Application) == 0 {
		return ""
	}
	return "; its permissions of Microsoft Graph (" + strings.Join(grants.Application, ", ") + ") are app roles of the directory and give nothing on subscriptions"
}
