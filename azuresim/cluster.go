package azuresim

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/kubeapi"
	"github.com/azward/azward/azuresim/kuberbac"
	"github.com/azward/azward/azuresim/scenario"
)

// unreachable is where a private cluster's kubeconfig points: nothing listens
// on the port mapper's port of the loopback interface.
const unreachable = "127.0.0.1:1"

// cluster is the API server of one managed cluster.
//
// Sources:
// https://learn.microsoft.com/azure/aks/concepts-identity
// https://learn.microsoft.com/azure/aks/manage-azure-rbac
type cluster struct {
	*Server
	id      string // as the record spells it
	name    string
	group   string
	address string // host:port that the kubeconfig names
	// entra accepts tokens of the tenant; azureRBAC lets role assignments
	// decide instead of the cluster's own bindings.
	entra, azureRBAC bool
	// localToken is the credential of the local accounts; "" when disabled.
	localToken string
	rbac       *kuberbac.Policy
}

// startClusters opens a listener for each managed cluster.
func (s *Server) startClusters(ctx context.Context, address string) error {
	for r := range s.inventory.List("/", "Microsoft.ContainerService/managedClusters") {
		if err := s.startCluster(ctx, address, r); err != nil {
			return fmt.Errorf("cluster %s: %w", r.Name, err)
		}
	}
	return nil
}

func (s *Server) startCluster(ctx context.Context, address string, r *inventory.Resource) error {
	c, private, err := s.newCluster(r)
	if err != nil {
		return err
	}
	s.clusters[r.Key] = c
	behaviour := s.o.Scenario.Clusters[r.Name]
	if private || behaviour.Unreachable {
		c.address = unreachable
		return nil
	}
	handler, err := c.handler(behaviour)
	if err != nil {
		return err
	}
	l, err := listen(ctx, address)
	if err != nil {
		return err
	}
	c.address = l.Addr().String()
	s.serve(l, serviceKubernetes, handler)
	return nil
}

func (s *Server) newCluster(r *inventory.Resource) (c *cluster, private bool, err error) {
	var body struct {
		Properties struct {
			DisableLocalAccounts bool `json:"disableLocalAccounts"`
			AADProfile           *struct {
				EnableAzureRBAC bool `json:"enableAzureRBAC"`
			} `json:"aadProfile"`
			APIServerAccessProfile struct {
				EnablePrivateCluster bool `json:"enablePrivateCluster"`
			} `json:"apiServerAccessProfile"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil, false, fmt.Errorf("read its properties: %w", err)
	}
	p := body.Properties
	c = &cluster{Server: s, id: r.ID, name: r.Name, entra: p.AADProfile != nil, rbac: kuberbac.New(s.objects(r))}
	if segments := strings.Split(r.ID, "/"); len(segments) > 4 {
		c.group = segments[4]
	}
	c.azureRBAC = c.entra && p.AADProfile.EnableAzureRBAC
	if !p.DisableLocalAccounts {
		c.localToken = rand.Text()
	}
	return c, p.APIServerAccessProfile.EnablePrivateCluster, nil
}

func (s *Server) objects(r *inventory.Resource) []json.RawMessage {
	return s.o.Scenario.Kubernetes[r.Key]
}

func (c *cluster) handler(behaviour scenario.Cluster) (http.Handler, error) {
	objects, err := c.withDigests(c.o.Scenario.Kubernetes[strings.ToLower(c.id)])
	if err != nil {
		return nil, err
	}
	inner, err := kubeapi.New(kubeapi.Options{
		Objects: objects, PageLimit: c.o.Scenario.Paging.Kubernetes,
		Version: behaviour.Version, Authenticate: c.authenticate, Authorize: c.authorize, Now: c.now,
	})
	if err != nil {
		return nil, fmt.Errorf("make its API server: %w", err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, raw, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && c.entra {
			if who, err := c.authority.Verify(strings.TrimSpace(raw)); err == nil {
				seen(r, who)
			}
		}
		inner.ServeHTTP(w, r)
	}), nil
}

// authenticate takes the local account's token, or an Entra token for AKS.
func (c *cluster) authenticate(token string) (kubeapi.User, error) {
	if c.localToken != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.localToken)) == 1 {
		return kubeapi.User{Name: "masterclient", Groups: []string{kuberbac.Masters, "system:authenticated"}}, nil
	}
	if !c.entra || token == "" {
		return kubeapi.User{}, kubeapi.ErrUnauthenticated
	}
	who, err := c.authority.Verify(token)
	if err != nil || who.ResourceApp != entra.AppAKS {
		return kubeapi.User{}, kubeapi.ErrUnauthenticated // a bad or foreign token is a 401, whatever is wrong with it
	}
	groups := append([]string{"system:authenticated"}, who.Principal.Groups...)
	return kubeapi.User{Name: who.Principal.ObjectID, UID: who.Principal.ObjectID, Groups: groups}, nil
}

func (c *cluster) authorize(u kubeapi.User, a kubeapi.Attributes) (bool, string) {
	if c.rbac.Allowed(u, a) { // its own bindings count under Azure RBAC too
		return true, ""
	}
	if !c.azureRBAC {
		return false, ""
	}
	if c.policy.AllowedData(principalOf(u), dataAction(a), c.scope(a)) {
		return true, ""
	}
	return false, "User does not have access to the resource in Azure. Update role assignment to allow access."
}

// scope of the check: namespaces are scopes of their own below the cluster.
func (c *cluster) scope(a kubeapi.Attributes) string {
	if a.Namespace == "" {
		return c.id
	}
	return c.id + "/namespaces/" + a.Namespace
}

// dataAction is the Azure action of a Kubernetes request.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/permissions/containers#microsoftcontainerservice
func dataAction(a kubeapi.Attributes) string {
	action := "Microsoft.ContainerService/managedClusters"
	if a.Path != "" {
		return action + a.Path + "/read"
	}
	if a.Group != "" {
		action += "/" + a.Group
	}
	action += "/" + a.Resource
	if a.Subresource != "" {
		action += "/" + a.Subresource
	}
	switch a.Verb {
	case "get", "list", "watch":
		return action + "/read"
	case "create", "update", "patch":
		return action + "/write"
	case "delete", "deletecollection":
		return action + "/delete"
	}
	return action + "/" + a.Verb + "/action"
}

// kubeconfig is what the credential actions hand out: a token for local
// accounts, a call of kubelogin where the cluster asks Entra.
//
// Source: https://learn.microsoft.com/azure/aks/kubelogin-authentication
func (s *Server) kubeconfig(r *inventory.Resource, admin bool, _ *entra.Token) ([]byte, error) {
	c := s.clusters[r.Key]
	if c == nil {
		return nil, fmt.Errorf("there is no API server for %s", r.Name)
	}
	user, kind := map[string]any{}, "clusterUser"
	if admin {
		kind = "clusterAdmin"
	}
	switch {
	case c.entra && !admin:
		user["exec"] = map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "kubelogin", "provideClusterInfo": false,
			"args": []string{
				"get-token", "--environment", "AzurePublicCloud", "--server-id", entra.AppAKS,
				"--client-id", "80faf920-1908-4b52-b5ef-a8e7bedfc67a", "--tenant-id", s.o.Scenario.Tenant.ID, "--login", "devicecode",
			},
		}
	case c.localToken != "":
		user["token"] = c.localToken
	}
	userName := kind + "_" + c.group + "_" + c.name
	raw, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "preferences": map[string]any{}, "current-context": c.name,
		"clusters": []any{map[string]any{"name": c.name, "cluster": map[string]any{
			"server": "https://" + c.address, "certificate-authority-data": base64.StdEncoding.EncodeToString(s.tls.caPEM),
		}}},
		"users":    []any{map[string]any{"name": userName, "user": user}},
		"contexts": []any{map[string]any{"name": c.name, "context": map[string]any{"cluster": c.name, "user": userName}}},
	})
	if err != nil {
		return nil, fmt.Errorf("write the kubeconfig: %w", err)
	}
	return raw, nil
}
