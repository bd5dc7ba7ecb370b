package config

import (
	"go.yaml.in/yaml/v3"

	"github.com/azward/azward/store"
)

// isIntegration tells a jit-integration.yml: it has no version, and azure at
// its top.
func isIntegration(root *yaml.Node) bool {
	if root.Kind != yaml.MappingNode {
		return false
	}
	azure := false
	for i := 0; i < len(root.Content); i += 2 {
		switch root.Content[i].Value {
		case "version", "connections":
			return false
		case "azure":
			azure = true
		}
	}
	return azure
}

// integration reads the accounts of a jit-integration.yml. Integrations with
// other services are none of azward's, and left alone.
func (r *reader) integration(root *yaml.Node, f *File) {
	r.each(root, "", func(key, n *yaml.Node, path string) {
		if key.Value == "azure" {
			r.each(n, path, r.account(f))
		}
	})
}

func (r *reader) account(f *File) entry {
	return func(key, n *yaml.Node, path string) {
		c := Connection{Name: key.Value, Auth: string(store.AuthClientSecret), at: placeOf(key)}
		var kind, name string
		subscriptions := r.list(func(n *yaml.Node, path string) {
			var t Text
			r.value(&t)(n, path)
			c.Subscriptions = append(c.Subscriptions, t)
		})
		r.mapping(n, path, map[string]take{
			"type": r.word(&kind, "azure_account"), "name": r.text(&name),
			"auth": func(n *yaml.Node, path string) {
				r.mapping(n, path, map[string]take{"client_id": r.value(&c.Client), "client_secret": r.secret(&c.Secret)})
			},
			"tenant_id": r.value(&c.Tenant), "subscription_id": subscriptions, "subscription_ids": subscriptions,
		})
		if kind == "" {
			r.wrong(key, path+".type", "the account does not say its type", "write type: azure_account")
		}
		f.Connections = append(f.Connections, c)
	}
}
