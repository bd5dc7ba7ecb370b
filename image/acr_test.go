package image_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/acr"
	"github.com/azward/azward/image"
)

// What Azure's registry refuses is told as the role that is missing in its
// permission mode, with the command that gives it.
func TestAzureRefusals(t *testing.T) {
	t.Parallel()
	const id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso"
	list := func(r *image.Registry) error {
		for _, err := range r.Repositories(t.Context()) {
			return err
		}
		return nil
	}
	pull := func(r *image.Registry) error {
		_, err := r.ResolveDigest(t.Context(), image.Reference{Kind: image.KindRegistry, Registry: azureHost, Repository: "team/app", Tag: "1"})
		return err
	}
	manifests := func(r *image.Registry) error {
		for _, err := range r.Manifests(t.Context(), "team/app") {
			return err
		}
		return nil
	}
	for _, tc := range []struct {
		name          string
		registry      acr.Registry
		who           string // "" anonymously
		mode          image.PermissionMode
		do            func(*image.Registry) error
		kind          azward.Kind
		cause, remedy string
	}{
		{"pull_rbac", acr.Registry{}, "nobody", image.ModeRegistry, pull, azward.KindRole, `"RBAC Registry Permissions"`, "az role assignment create --assignee 51c7 --role AcrPull --scope " + id},
		{"pull_abac", acr.Registry{}, "nobody", image.ModeRepository, pull, azward.KindRole, "AcrPull does not count", `--role "Container Registry Repository Reader" --scope ` + id},
		{"pull_mode_not_known", acr.Registry{}, "lister", "", pull, azward.KindRole, "not allowed to pull", "roleAssignmentMode"},
		{"manifests_abac", acr.Registry{}, "lister", image.ModeRepository, manifests, azward.KindRole, "AcrPull does not count", "Repository Reader"},
		{"list_rbac", acr.Registry{}, "reader", image.ModeRegistry, list, azward.KindRole, "list", "--role AcrPull"},
		{"list_abac", acr.Registry{}, "reader", image.ModeRepository, list, azward.KindRole, "list", `--role "Container Registry Repository Catalog Lister"`},
		{"list_names_the_way_round", acr.Registry{}, "reader", "", list, azward.KindRole, "list", "--repository"},
		{"wrong_credentials", acr.Registry{}, "stranger", "", pull, azward.KindSignIn, "does not accept the credentials", "azward doctor"},
		{"anonymous", acr.Registry{}, "", "", pull, azward.KindSignIn, "asks for credentials", "az acr login --name contoso"},
		{"anonymous_pull_lists_nothing", acr.Registry{AnonymousPull: true}, "", "", list, azward.KindSignIn, "asks for credentials", "--repository"},
		{"anonymous_pull", acr.Registry{AnonymousPull: true}, "", "", pull, azward.KindNotFound, "no such image", "tag"},
		{"firewall", acr.Registry{Firewall: true}, "", "", pull, azward.KindUnavailable, "does not let the address 127.0.0.1 in", "az acr network-rule add --name contoso --ip-address 127.0.0.1"},
		{"firewall_lets_in", acr.Registry{Firewall: true, AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, "owner", "", pull, azward.KindNotFound, "no such image", "tag"},
		{"slow_for_ever", acr.Registry{Delay: time.Hour}, "", "", pull, azward.KindUnavailable, "does not answer in time", "proxy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := startAzure(t, tc.registry)
			r := &image.Registry{Host: azureHost, Transport: a.transport, Mode: tc.mode}
			switch tc.who {
			case "":
			case "stranger":
				r.Auth = fixed{image.Credentials{IdentityToken: "forged"}}
			default:
				r.Auth = entra{a, tc.who}
			}
			if tc.mode != "" {
				r.ResourceID, r.Principal = id, "51c7"
			}
			if tc.registry.Delay > 0 {
				r.Patience = 100 * time.Millisecond
			}
			err := tc.do(r)
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) {
				t.Errorf("kind %s\ncause %s\nremedy %s", e.Kind, e.Cause, e.Remedy)
			}
			if strings.Contains(err.Error(), "eyJ") || strings.Contains(e.Remedy, "eyJ") {
				t.Error("a token is in the error")
			}
		})
	}
}
