package arm

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// post answers the POST actions that readers use. Any other is refused after
// the permission check, since it could change something.
func (c *call) post() *Error {
	t := c.target
	if strings.EqualFold(c.path, resourceGraphPath) && c.o.ResourceGraph != nil {
		c.o.ResourceGraph(c.w, c.r, c.who)
		return nil
	}
	if t.namespace == "" || len(t.tail) < 3 || t.isResource() {
		return c.write()
	}
	id, name := parentPath(c.path), t.last()
	resourceType := parse(id).resourceType()
	action := resourceType + "/" + name + "/action"
	switch strings.ToLower(resourceType + "/" + name) {
	case "microsoft.containerservice/managedclusters/listclusterusercredential":
		return c.kubeconfig(id, action, false)
	case "microsoft.containerservice/managedclusters/listclusteradmincredential":
		return c.kubeconfig(id, action, true)
	case "microsoft.web/sites/config/list", "microsoft.web/sites/slots/config/list":
		return c.listSiteConfig()
	}
	if !c.allowed(action, id) {
		return c.forbidden(action, id)
	}
	if _, ok := c.o.Inventory.Get(id); !ok {
		return c.notFound(id)
	}
	return readOnly()
}

// kubeconfig hands out a cluster's kubeconfig.
//
// Source: https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
func (c *call) kubeconfig(id, action string, admin bool) *Error {
	if !c.allowed(action, id) {
		return c.forbidden(action, id)
	}
	cluster, ok := c.o.Inventory.Get(id)
	if !ok {
		return c.notFound(id)
	}
	if admin && localAccountsDisabled(cluster) {
		return fail(http.StatusBadRequest, "BadRequest", "Getting static credential is not allowed because this cluster is set to disable local accounts.")
	}
	if c.o.Kubeconfig == nil {
		return readOnly()
	}
	config, err := c.o.Kubeconfig(cluster, admin, c.who)
	if err != nil {
		return fail(http.StatusInternalServerError, "InternalServerError", "The kubeconfig could not be made: %v", err)
	}
	name := "clusterUser"
	if admin {
		name = "clusterAdmin"
	}
	writeJSON(c.w, http.StatusOK, map[string]any{
		"kubeconfigs": []any{map[string]string{"name": name, "value": base64.StdEncoding.EncodeToString(config)}},
	})
	return nil
}

func localAccountsDisabled(cluster *inventory.Resource) bool {
	var body struct {
		Properties struct {
			DisableLocalAccounts bool `json:"disableLocalAccounts"`
		} `json:"properties"`
	}
	return json.Unmarshal(cluster.Body, &body) == nil && body.Properties.DisableLocalAccounts
}

// listSiteConfig gives a site's settings, secrets included; Reader does not
// carry the action.
//
// Source: https://learn.microsoft.com/rest/api/appservice/web-apps/list-application-settings
func (c *call) listSiteConfig() *Error {
	config := parentPath(c.path)
	action := parse(config).resourceType() + "/list/Action"
	if !c.allowed(action, config) {
		return c.forbidden(action, config)
	}
	if r, ok := c.o.Inventory.Get(config); ok {
		writeJSON(c.w, http.StatusOK, r.Body)
		return nil
	}
	siteID := parentOf(config, 2)
	site, ok := c.o.Inventory.Get(siteID)
	if !ok {
		return c.notFound(siteID)
	}
	writeJSON(c.w, http.StatusOK, map[string]any{
		"id": config, "name": parse(config).last(), "type": site.Type + "/config", "properties": settingsOf(site, parse(config).last()),
	})
	return nil
}

// settingsOf takes application settings out of the site's siteConfig.
func settingsOf(site *inventory.Resource, config string) map[string]any {
	var body struct {
		Properties struct {
			SiteConfig struct {
				AppSettings []struct {
					Name  string `json:"name"`
					Value any    `json:"value"`
				} `json:"appSettings"`
			} `json:"siteConfig"`
		} `json:"properties"`
	}
	settings := map[string]any{}
	if !strings.EqualFold(config, "appsettings") || json.Unmarshal(site.Body, &body) != nil {
		return settings
	}
	for _, s := range body.Properties.SiteConfig.AppSettings {
		settings[s.Name] = s.Value
	}
	return settings
}

// write refuses PUT, PATCH and DELETE: without the permission as Azure does,
// and with it because the simulator serves a recording.
func (c *call) write() *Error {
	verb := "/write"
	if c.r.Method == http.MethodDelete {
		verb = "/delete"
	}
	action := c.writeType() + verb
	if !c.allowed(action, c.path) {
		return c.forbidden(action, c.path)
	}
	return readOnly()
}

func (c *call) writeType() string {
	switch {
	case c.target.namespace != "" && len(c.target.tail) > 0:
		return c.target.resourceType()
	case c.target.group != "":
		return "Microsoft.Resources/subscriptions/resourceGroups"
	}
	return "Microsoft.Resources/subscriptions"
}

func readOnly() *Error {
	return fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "The simulated tenant is read-only.")
}
