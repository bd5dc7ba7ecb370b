package azure_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/azuresim/scenario"
)

// A list is read to its end; what would carry the token elsewhere, goes round
// in a circle or is no list, is an error, and never a list that is merely short.
func TestMSGraphPages(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *scenario.Scenario) {
		s.Paging.MSGraph = 1
		fault := func(path, body string) {
			s.Faults = append(s.Faults, scenario.Fault{Service: "msgraph", Path: path, Status: 200, Body: body})
		}
		fault("/v1.0/domains", `{"value":[{"id":"a"}],"@odata.nextLink":"https://elsewhere.example/v1.0/domains?$skiptoken=x"}`)
		fault("/v1.0/groups", `{"error":"no list"}`)
		s.MSGraph = append(s.MSGraph, scenario.DirectoryObject{Collection: "servicePrincipals", Body: json.RawMessage(`{"id":"second","appId":"x"}`)})
	})
	client := s.client(t, s.signIn("reader"), azure.Options{MaxRetries: -1})
	for _, tc := range []struct {
		path         string
		items, pages int
		cause        string
	}{
		{"/v1.0/servicePrincipals", 2, 2, ""},
		{"/v1.0/domains", 1, 1, "leads elsewhere"},
		{"/v1.0/groups", 0, 0, "not a list"},
		{"/v1.0/policies/authorizationPolicy", 0, 0, "permission for this is missing"},
	} {
		items, pages := 0, 0
		var failed error
		for page, err := range client.MSGraphPages(t.Context(), tc.path, "$select", "id") {
			if err != nil {
				failed = err
				break
			}
			pages++
			items += len(page)
		}
		if items != tc.items || pages != tc.pages || (failed == nil) != (tc.cause == "") || failed != nil && !strings.Contains(failed.Error(), tc.cause) {
			t.Errorf("%s: %d items on %d pages, %v", tc.path, items, pages, failed)
		}
	}
}

func TestMSGraphLicence(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *scenario.Scenario) {
		s.Faults = append(s.Faults, scenario.Fault{
			Service: "msgraph", Path: "/v1.0/reports/**", Status: 403, Header: map[string]string{"Content-Type": "application/json"},
			Body: `{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"Tenant does not have premium license"}}`,
		})
	})
	client := s.client(t, s.signIn("reader"), azure.Options{})
	_, err := client.MSGraph(t.Context(), "/v1.0/reports/authenticationMethods/userRegistrationDetails")
	if azward.KindOf(err) != azward.KindFailed || azure.MSGraphLicence(err) == "" {
		t.Errorf("it is taken for a missing permission: %v", err)
	}
}

// claimed is a credential whose token says what it is told to.
type claimed string

func (c claimed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token := string(c)
	if strings.HasPrefix(token, "{") {
		token = "e30." + base64.RawURLEncoding.EncodeToString([]byte(token)) + ".c2ln"
	}
	return azcore.AccessToken{Token: token, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestMSGraphGrants(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, token string
		want        azure.MSGraphGrants
		none        bool
	}{
		{"application", `{"idtyp":"app","oid":"o","roles":["Directory.Read.All"]}`, azure.MSGraphGrants{Application: []string{"Directory.Read.All"}, ObjectID: "o"}, false},
		{"application_without_consent", `{"idtyp":"app","oid":"o"}`, azure.MSGraphGrants{ObjectID: "o"}, true},
		{"user", `{"idtyp":"user","oid":"u","scp":"User.Read Policy.Read.All"}`, azure.MSGraphGrants{Delegated: []string{"User.Read", "Policy.Read.All"}, User: true, ObjectID: "u"}, false},
		{"managed_identity", `{"idtyp":"app","oid":"m","xms_mirid":"/subscriptions/s/x"}`, azure.MSGraphGrants{Identity: true, ObjectID: "m"}, true},
		{"opaque", "EwBwA8l6BAAU", azure.MSGraphGrants{Opaque: true}, false},
		{"broken", "a.b!.c", azure.MSGraphGrants{Opaque: true}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, err := azure.NewClient(azure.Cloud{
				AuthorityHost: "https://login.example/", ARMEndpoint: "https://arm.example", GraphEndpoint: "https://graph.example",
			}, claimed(tc.token), azure.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			got, err := client.MSGraphGrants(t.Context())
			if err != nil || got.None() != tc.none {
				t.Errorf("none %t, %v", got.None(), err)
			}
			if len(got.Delegated) == 0 {
				got.Delegated = nil
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
		})
	}
	if user := (azure.MSGraphGrants{User: true, Application: []string{"A"}, Delegated: []string{"B"}}); user.Has("A") || !user.Has("x", "b") {
		t.Error("application permissions count for a user")
	}
}
