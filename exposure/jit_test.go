package exposure

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// A window that was opened after the security groups were read may be open
// though they do not show it; one that had ended when its policy was read is
// none.
func TestWindowLaterThanGroups(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("testdata/machine_jit_window.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c := readCase(t, archive)
	c.arm = slices.DeleteFunc(c.arm, func(body json.RawMessage) bool { return nameOfBody(t, body) == "nsg" })
	c.arm = append(c.arm, documents(t, []byte(`
id: ${net}/networkSecurityGroups/nsg
name: nsg
type: Microsoft.Network/networkSecurityGroups
properties: {securityRules: []}
`))...)
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, tc := range []struct {
		name           string
		groups, policy time.Time
		want           azward.Answer
	}{
		{"groups_read_before_the_request", at("2026-11-21T07:00:00Z"), at("2026-11-21T09:00:00Z"), azward.Unknown},
		{"groups_read_after_the_request", at("2026-11-21T08:30:00Z"), at("2026-11-21T09:00:00Z"), azward.No},
		{"window_had_ended", at("2026-11-21T07:00:00Z"), at("2026-11-21T12:00:00Z"), azward.No},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var b estate.Builder
			for _, body := range c.arm {
				from := estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01", ReadAt: tc.groups}
				if nameOfBody(t, body) == "default" {
					from.ReadAt = tc.policy
				}
				if err := b.AddARM(body, from); err != nil {
					t.Fatal(err)
				}
			}
			b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
			if got := ask(t, b.Build(), c.question); got.Answer != tc.want {
				t.Errorf("%s, want %s: %s", got.Answer, tc.want, got.Summary)
			}
		})
	}
}

func nameOfBody(t *testing.T, body json.RawMessage) string {
	t.Helper()
	var head struct{ Name string }
	if err := json.Unmarshal(body, &head); err != nil {
		t.Fatal(err)
	}
	return head.Name
}
