// Package terraform lays a Terraform plan over an estate: what Azure would
// hold once the plan is applied. It reads what `terraform show -json PLAN`
// prints and maps the resource types of azurerm and azapi that decide who
// reaches whom to ARM objects. A type that it does not map, and a value that
// is known after apply alone, becomes a gap, and what depends on it unknown.
//
// Source: https://developer.hashicorp.com/terraform/internals/json-format
package terraform

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/bound"
)

// maxPlanBytes bounds a plan: one of 10,000 resources has about 80 MB.
const maxPlanBytes = 256 << 20

// Plan is what a plan changes.
type Plan struct {
	changes []*change
	config  module
	// subscription that resources without an ID yet are created in, as the
	// provider's configuration, or any ID of the plan, says.
	subscription azward.ResourceID
}

type document struct {
	FormatVersion   string                         `json:"format_version"`
	ResourceChanges []*change                      `json:"resource_changes"`
	Variables       map[string]struct{ Value any } `json:"variables"`
	PriorState      json.RawMessage                `json:"prior_state"`
	Configuration   struct {
		Providers map[string]struct {
			Name        string                     `json:"name"`
			Expressions map[string]json.RawMessage `json:"expressions"`
		} `json:"provider_config"`
		Root module `json:"root_module"`
	} `json:"configuration"`
}

// change is one resource of the plan.
type change struct {
	Address string `json:"address"`
	Module  string `json:"module_address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Name    string `json:"name"`
	Index   any    `json:"index"` // of count or for_each
	line    int    // of the plan's file, 0 where it is not known
	Change  struct {
		Actions []string       `json:"actions"`
		Before  map[string]any `json:"before"`
		After   map[string]any `json:"after"`
		Unknown any            `json:"after_unknown"`
	} `json:"change"`
}

func (c *change) does(action string) bool {
	for _, a := range c.Change.Actions {
		if a == action {
			return true
		}
	}
	return false
}

// module is the configuration of one module.
type module struct {
	Resources []struct {
		Mode        string         `json:"mode"`
		Type        string         `json:"type"`
		Name        string         `json:"name"`
		Expressions map[string]any `json:"expressions"`
	} `json:"resources"`
	Calls map[string]struct {
		Expressions map[string]any `json:"expressions"`
		Module      *module        `json:"module"`
	} `json:"module_calls"`
	Outputs map[string]struct {
		Expression any `json:"expression"`
	} `json:"outputs"`
}

// IsPlan reports whether a file that begins like this is a plan in JSON.
func IsPlan(head []byte) bool {
	text := strings.TrimLeft(string(head), " \t\r\n")
	return strings.HasPrefix(text, "{") && strings.Contains(text, `"format_version"`) &&
		(strings.Contains(text, `"terraform_version"`) || strings.Contains(text, `"planned_values"`) || strings.Contains(text, `"resource_changes"`))
}

// Read reads a plan as `terraform show -json` prints it; name is for errors.
func Read(r io.Reader, name string) (*Plan, error) {
	bad := func(cause, remedy string, err error) error {
		return &azward.Error{Kind: azward.KindBadInput, Op: "read Terraform plan", Subject: name, Cause: cause, Remedy: remedy, Err: err}
	}
	const remedy = "write it with: terraform plan -out plan.tfplan && terraform show -json plan.tfplan > plan.json"
	var d document
	var at addressLines
	if err := json.NewDecoder(io.TeeReader(bound.Reader(r, maxPlanBytes, "the plan"), &at)).Decode(&d); err != nil {
		return nil, bad(err.Error(), remedy, err)
	}
	switch major, _, _ := strings.Cut(d.FormatVersion, "."); {
	case major != "0" && major != "1":
		return nil, bad(fmt.Sprintf("its format_version is %.20q, which azward does not know", d.FormatVersion), "use a newer azward", nil)
	case d.ResourceChanges == nil && len(d.PriorState) == 0 && d.Configuration.Root.Resources == nil:
		return nil, bad("it holds no resource_changes: it is a state, not a plan", remedy, nil)
	}
	p := &Plan{changes: d.ResourceChanges, config: d.Configuration.Root}
	p.changes = withoutNil(p.changes)
	for _, c := range p.changes {
		c.line = at.lines[c.Address]
	}
	p.subscription = d.subscription()
	return p, nil
}

func withoutNil(list []*change) []*change {
	kept := list[:0]
	for _, c := range list {
		if c != nil {
			kept = append(kept, c)
		}
	}
	return kept
}

// subscription is the one that azurerm is configured for, else that of any
// resource which exists.
func (d *document) subscription() azward.ResourceID {
	for _, provider := range d.Configuration.Providers {
		if provider.Name != "azurerm" {
			continue
		}
		var e struct {
			Constant   any      `json:"constant_value"`
			References []string `json:"references"`
		}
		if json.Unmarshal(provider.Expressions["subscription_id"], &e) != nil {
			continue
		}
		value, _ := e.Constant.(string)
		for _, ref := range e.References {
			if name, ok := strings.CutPrefix(ref, "var."); ok && value == "" {
				value, _ = d.Variables[name].Value.(string)
			}
		}
		if guid, err := azward.ParseGUID("subscription", value); err == nil {
			return azward.ResourceID("/subscriptions/" + guid)
		}
	}
	for _, c := range d.ResourceChanges {
		if c == nil {
			continue
		}
		for _, side := range []map[string]any{c.Change.Before, c.Change.After} {
			if s, _ := side["id"].(string); strings.HasPrefix(s, "/subscriptions/") {
				if id, err := azward.ParseResourceID(s); err == nil {
					return id.SubscriptionScope()
				}
			}
		}
	}
	return ""
}

// Over is the estate as it would be once the plan is applied. Gaps name what
// of the plan could not be followed.
func (p *Plan) Over(e *estate.Estate) (*estate.Estate, []azward.Gap, error) {
	subscription := p.subscription
	if all := e.Subscriptions(); subscription == "" && len(all) == 1 {
		subscription = all[0]
	}
	w := &world{estate: e, plan: p, subscription: subscription, bodies: map[azward.ResourceKey]map[string]any{}, unmapped: map[string]int{}}
	w.changes()
	changed, err := w.result()
	return changed, w.gaps(), err
}

// changes lays all changes over the estate.
func (w *world) changes() {
	for _, c := range w.plan.changes {
		if c.Mode != "data" && c.does("delete") {
			w.remove(c)
		}
	}
	for _, pass := range []int{whole, part, link, last} { // parts need what they are part of
		for _, c := range w.plan.changes {
			if c.Mode != "data" && (c.does("create") || c.does("update")) {
				w.apply(c, pass)
			}
		}
	}
	w.connectPeerings()
}
