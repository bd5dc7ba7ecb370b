package exposure

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
)

// TestRulesAreMonotonous adds a rule to each security group of every case,
// before all others and after them. An allow more never closes what was open or
// undecided; a deny more never opens what was closed or undecided.
func TestRulesAreMonotonous(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if strings.HasPrefix(name, "base_") || i%everyNth != 0 {
			continue
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := readCase(t, archive)
		before := ask(t, c.estate(t, nil), c.question)
		for i, body := range c.arm {
			for _, access := range []string{"Allow", "Deny"} {
				for _, priority := range []int{1, 4999} {
					changed := withRule(t, body, access, priority)
					if changed == nil {
						continue
					}
					tried++
					world := c
					world.arm = append(append(append([]json.RawMessage{}, c.arm[:i]...), changed), c.arm[i+1:]...)
					after := ask(t, world.estate(t, nil), c.question)
					wrong := access == "Allow" && (after.Answer == azward.No && before.Answer != azward.No || after.Answer != azward.Yes && before.Answer == azward.Yes) ||
						access == "Deny" && (after.Answer == azward.Yes && before.Answer != azward.Yes || after.Answer != azward.No && before.Answer == azward.No)
					if wrong {
						t.Errorf("%s: %s at priority %d: %s (%s), before %s (%s)", name, access, priority, after.Answer, after.Summary, before.Answer, before.Summary)
					}
				}
			}
		}
	}
	if tried < 100/everyNth {
		t.Errorf("%d changes were tried", tried)
	}
}

// withRule is a security group with one rule more; nil for other bodies.
func withRule(t *testing.T, body json.RawMessage, access string, priority int) json.RawMessage {
	t.Helper()
	var group map[string]any
	if err := json.Unmarshal(body, &group); err != nil {
		t.Fatal(err)
	}
	properties, _ := group["properties"].(map[string]any)
	if !strings.EqualFold(fmt.Sprint(group["type"]), "Microsoft.Network/networkSecurityGroups") || properties == nil {
		return nil
	}
	rules, _ := properties["securityRules"].([]any)
	properties["securityRules"] = append(rules, map[string]any{"name": "one-more", "properties": map[string]any{
		"priority": priority, "direction": "Inbound", "access": access, "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
		"destinationAddressPrefix": "*", "destinationPortRange": "*",
	}})
	raw, err := json.Marshal(group)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
