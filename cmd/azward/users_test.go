package main

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/azward/azward/access"
	"github.com/azward/azward/store/sqlite"
)

// TestUsersLink: whoever is locked out gets in by the link, and the log says so.
func TestUsersLink(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	code, _, stderr := runIn(t, data, "users", "link", "root")
	if code != 1 || !strings.Contains(stderr, "there is none of that name") {
		t.Fatalf("%d: %s", code, stderr)
	}
	s, err := sqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	control, err := access.New(access.Options{Store: s, PublicURL: "https://hub.example"})
	if err != nil {
		t.Fatal(err)
	}
	redeem := func(link, password string) {
		t.Helper()
		u, err := url.Parse(strings.TrimSpace(link))
		if err != nil || u.Scheme+"://"+u.Host != "https://hub.example" {
			t.Fatalf("the link is %q: %v", link, err)
		}
		if _, err := control.SetUp(t.Context(), u.Query().Get("code"), "root", password, "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	first, err := control.SetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	redeem(first, "a first good password")
	code, stdout, stderr := runIn(t, data, "users", "link", "root", "--public-url", "https://hub.example")
	if code != 0 {
		t.Fatal(stderr)
	}
	redeem(stdout, "another good password")
	if _, err := control.SignIn(t.Context(), "root", "another good password", "192.0.2.1"); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = runIn(t, data, "users", "list", "--output", "json")
	var users []access.User
	if err := json.Unmarshal([]byte(stdout), &users); code != 0 || err != nil || len(users) != 1 || users[0].Role != access.Admin {
		t.Errorf("%d %s %s %v", code, stdout, stderr, err)
	}
	if code, stdout, _ = runIn(t, data, "users", "list"); code != 0 || !strings.HasPrefix(stdout, "root\tadmin\tlocal") {
		t.Errorf("%d %q", code, stdout)
	}
}
