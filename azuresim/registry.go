package azuresim

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward/azuresim/acr"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/imagespec"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/kubeapi"
	"github.com/azward/azward/azuresim/rbac"
)

// registryRecord is what a registry's ARM object says of its behaviour.
type registryRecord struct {
	id    string
	login string
	acr.Registry
	// byRepository is the permission mode "RBAC Registry + ABAC Repository
	// Permissions", where AcrPull gives nothing.
	byRepository bool
}

// registryHandler serves all registries of the estate by their Host header,
// and the first under the bare address.
func (s *Server) registryHandler(ctx context.Context) (http.Handler, error) {
	key, err := registryKey()
	if err != nil {
		return nil, fmt.Errorf("make the registries' signing key: %w", err)
	}
	var records []registryRecord
	options := acr.Options{Registries: map[string]acr.Registry{}, VerifyEntraToken: s.verifyForRegistry, Now: s.now, Key: key}
	for r := range s.inventory.List("/", "Microsoft.ContainerRegistry/registries") {
		record, err := readRegistry(r)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
		options.Registries[record.login] = record.Registry
	}
	options.Authorize = func(p acr.Principal, registry, repository, action string) bool {
		at := slices.IndexFunc(records, func(r registryRecord) bool { return strings.EqualFold(r.login, registry) })
		return at >= 0 && s.mayRegistry(p, records[at], repository, action)
	}
	server, err := acr.New(options)
	if err != nil {
		return nil, fmt.Errorf("make the registries: %w", err)
	}
	if err := s.pushImages(ctx, server, records); err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return server, nil
	}
	first := records[0].login
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil && net.ParseIP(host) != nil {
			r = r.Clone(r.Context())
			r.Host = first
		}
		server.ServeHTTP(w, r)
	}), nil
}

// registryKey is made once a process, since it takes a noticeable time.
var registryKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// buildImages makes the scenario's images, once, before the clusters start:
// their pods may name a digest as ${digest:REPOSITORY:TAG}.
func (s *Server) buildImages() error {
	var specs []imagespec.Spec
	for _, f := range s.o.Scenario.Images {
		parsed, err := imagespec.Parse(f.Data)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		specs = append(specs, parsed...)
	}
	var err error
	if s.images, err = imagespec.Build(specs); err != nil {
		return fmt.Errorf("make the registries' images: %w", err)
	}
	return nil
}

// withDigests puts the digests of images where objects name them.
func (s *Server) withDigests(objects []json.RawMessage) ([]json.RawMessage, error) {
	var pairs []string
	for _, image := range s.images {
		for _, tag := range image.Tags {
			pairs = append(pairs, "${digest:"+image.Repository+":"+tag+"}", image.Digest)
		}
	}
	digests := strings.NewReplacer(pairs...)
	expanded := make([]json.RawMessage, len(objects))
	for i, o := range objects {
		text := digests.Replace(string(o))
		if _, rest, left := strings.Cut(text, "${digest:"); left {
			name, _, _ := strings.Cut(rest, "}")
			return nil, fmt.Errorf("an object names the digest of image %.100q, which images/ does not have", name)
		}
		expanded[i] = json.RawMessage(text)
	}
	return expanded, nil
}

// pushImages puts each image into its registry, the first one where it names
// none.
func (s *Server) pushImages(ctx context.Context, server *acr.Server, records []registryRecord) error {
	images := s.images
	if len(images) == 0 {
		return nil
	}
	if len(records) == 0 {
		return errors.New("the scenario has images and no container registry")
	}
	byRegistry := map[string][]imagespec.Image{}
	for _, image := range images {
		login := image.Registry
		if login == "" {
			login = records[0].login
		}
		byRegistry[login] = append(byRegistry[login], image)
	}
	for login, images := range byRegistry {
		backend := server.Backend(login)
		if backend == nil {
			return fmt.Errorf("image %s is of registry %s, which arm/ does not have", images[0].Name, login)
		}
		if err := imagespec.Push(ctx, backend, images); err != nil {
			return fmt.Errorf("fill registry %s: %w", login, err)
		}
	}
	return nil
}

func readRegistry(r *inventory.Resource) (registryRecord, error) {
	var body struct {
		Properties struct {
			LoginServer          string `json:"loginServer"`
			AnonymousPullEnabled bool   `json:"anonymousPullEnabled"`
			PublicNetworkAccess  string `json:"publicNetworkAccess"`
			RoleAssignmentMode   string `json:"roleAssignmentMode"`
			NetworkRuleSet       struct {
				DefaultAction string `json:"defaultAction"`
				IPRules       []struct {
					Value string `json:"value"`
				} `json:"ipRules"`
			} `json:"networkRuleSet"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return registryRecord{}, fmt.Errorf("registry %s: read its properties: %w", r.Name, err)
	}
	p := body.Properties
	record := registryRecord{id: r.ID, login: p.LoginServer, Registry: acr.Registry{AnonymousPull: p.AnonymousPullEnabled}}
	if record.login == "" {
		record.login = strings.ToLower(r.Name) + ACRSuffix
	}
	record.byRepository = strings.EqualFold(p.RoleAssignmentMode, "AbacRepositoryPermissions")
	record.Firewall = strings.EqualFold(p.PublicNetworkAccess, "Disabled") || strings.EqualFold(p.NetworkRuleSet.DefaultAction, "Deny")
	if strings.EqualFold(p.PublicNetworkAccess, "Disabled") {
		return record, nil
	}
	for _, rule := range p.NetworkRuleSet.IPRules {
		prefix, err := parsePrefix(rule.Value)
		if err != nil {
			return registryRecord{}, fmt.Errorf("registry %s: IP rule %.60q: %w", r.Name, rule.Value, err)
		}
		record.AllowedPrefixes = append(record.AllowedPrefixes, prefix)
	}
	return record, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		address, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, fmt.Errorf("read address: %w", err)
		}
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// verifyForRegistry takes tokens for the registry service and, as the real one
// does, for Resource Manager.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-disable-authentication-as-arm
func (s *Server) verifyForRegistry(token string) (acr.Principal, error) {
	who, err := s.authority.Verify(token)
	if err != nil {
		return acr.Principal{}, fmt.Errorf("verify: %w", err)
	}
	if who.ResourceApp != entra.AppACR && who.ResourceApp != entra.AppARM {
		return acr.Principal{}, errors.New("the token is for another audience")
	}
	return acr.Principal{ObjectID: who.Principal.ObjectID, Name: s.name(who.ClientID), TenantID: who.TenantID}, nil
}

// registryActions are the control-plane permissions behind ACR's scopes, and
// registryDataActions the repository permissions.
//
// Sources:
// https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-overview
// https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
var (
	registryActions = map[string]string{
		acr.Pull: "pull/read", acr.MetadataRead: "pull/read", acr.Catalog: "pull/read",
		acr.Push: "push/write", acr.MetadataWrite: "push/write", acr.Delete: "artifacts/delete",
	}
	registryDataActions = map[string]string{
		acr.Pull: "repositories/content/read", acr.MetadataRead: "repositories/metadata/read", acr.Catalog: "catalog/read",
		acr.Push: "repositories/content/write", acr.MetadataWrite: "repositories/metadata/write", acr.Delete: "repositories/content/delete",
	}
)

func (s *Server) mayRegistry(p acr.Principal, r registryRecord, _, action string) bool {
	const prefix = "Microsoft.ContainerRegistry/registries/"
	who := rbac.Principal{ObjectID: p.ObjectID, Groups: s.groupsOf(p.ObjectID)}
	if r.byRepository {
		return registryDataActions[action] != "" && s.policy.AllowedData(who, prefix+registryDataActions[action], r.id)
	}
	return registryActions[action] != "" && s.policy.Allowed(who, prefix+registryActions[action], r.id)
}

// principalOf turns a Kubernetes user back into the principal it came from.
func principalOf(u kubeapi.User) rbac.Principal {
	return rbac.Principal{ObjectID: u.UID, Groups: u.Groups}
}
