package hub_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/azward/azward/access"
)

// TestRoutes walks each of the hub's own routes as everybody: who is not signed
// in gets no further than where they can sign in.
func TestRoutes(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	root := w.browser(t)
	root.setUp()
	_, viewer := w.token(t, access.NewToken{Role: access.Viewer})
	_, operator := w.token(t, access.NewToken{Role: access.Operator})
	_, admin := w.token(t, access.NewToken{Role: access.Admin})
	callers := map[access.Role][]string{
		"":              nil,
		access.Viewer:   {"Authorization", "Bearer " + viewer},
		access.Operator: {"Authorization", "Bearer " + operator},
		access.Admin:    {"Authorization", "Bearer " + admin},
	}
	for _, route := range w.Routes() {
		method, path, _ := strings.Cut(route.Pattern, " ")
		for role, headers := range callers {
			answer := w.browser(t).do(method, path, url.Values{}, append(headers, "Accept", "application/json")...)
			denied := answer.StatusCode == http.StatusUnauthorized && strings.Contains(answer.Text, "nobody is signed in") ||
				answer.StatusCode == http.StatusForbidden && strings.Contains(answer.Text, "it needs the role")
			want := route.Least != "" && !role.Allows(route.Least)
			if denied != want {
				t.Errorf("%s as %q: %d %s", route.Pattern, role, answer.StatusCode, answer.Text)
			}
			if strings.HasPrefix(path, "/account/") && answer.StatusCode < 400 {
				t.Errorf("%s as a token: %d", route.Pattern, answer.StatusCode)
			}
		}
	}
	same(t, "root admin ", root.who())
}
