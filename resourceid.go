package azward

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ResourceID names one thing. It is an ARM resource ID
//
//	/subscriptions/{id}/resourceGroups/{name}/providers/{namespace}/{type}/{name}[/{type}/{name}…]
//
// or a scope above one (subscription, resource group, management group, or
// "/providers/…" at tenant level). A Kubernetes object is named by the ID of its AKS cluster
// followed by its Kubernetes API path:
//
//	…/managedClusters/prod/apis/apps/v1/namespaces/shop/deployments/cart
//
// Azure compares IDs without case and returns the same ID in several
// spellings; azward prints what Azure wrote and compares by [ResourceID.Key].
type ResourceID string

// ResourceKey is a ResourceID folded for comparison and for use as a map key.
type ResourceKey string

// maxResourceIDLen bounds what ParseResourceID accepts, in bytes. ARM's own
// names add up to less than 2,100; Kubernetes adds at most three names of 253.
const maxResourceIDLen = 4096

// ParseResourceID checks that s has the form of an ARM ID: it starts with a
// slash, has no empty segment, and its segments come as ARM pairs them.
// It does not check that the resource exists.
func ParseResourceID(s string) (ResourceID, error) {
	bad := func(cause string) (ResourceID, error) {
		shown := s
		if len(shown) > 200 {
			shown = shown[:200] + "…"
		}
		return "", &Error{
			Kind: KindUsage, Op: "read resource ID", Subject: fmt.Sprintf("%q", shown), Cause: cause,
			Remedy: "give the full ID as `az resource show --query id` prints it, such as /subscriptions/{id}/resourceGroups/{name}/providers/Microsoft.Network/networkInterfaces/{name}",
		}
	}
	switch {
	case len(s) > maxResourceIDLen:
		return bad(fmt.Sprintf("it is longer than %d bytes", maxResourceIDLen))
	case !strings.HasPrefix(s, "/"):
		return bad("it does not start with a slash")
	case !utf8.ValidString(s):
		return bad("it is not UTF-8")
	case strings.ContainsFunc(s, unicode.IsControl):
		return bad("it has a control character")
	}
	s = strings.TrimSuffix(s, "/")
	if s == "" {
		return bad("it is empty")
	}
	for segment := range strings.SplitSeq(s[1:], "/") {
		if segment == "" {
			return bad("it has an empty segment")
		}
	}
	first, _, _ := strings.Cut(s[1:], "/")
	if !strings.EqualFold(first, "subscriptions") && !strings.EqualFold(first, "providers") {
		return bad("it starts with neither /subscriptions/ nor /providers/")
	}
	return ResourceID(s), nil
}

// Key folds the ID for comparison.
func (id ResourceID) Key() ResourceKey {
	return ResourceKey(strings.ToLower(strings.TrimSuffix(string(id), "/")))
}

// Equal compares as Azure does, without case.
func (id ResourceID) Equal(other ResourceID) bool { return id.Key() == other.Key() }

// String returns the ID as Azure wrote it.
func (id ResourceID) String() string { return string(id) }

// Subscription returns the subscription GUID as written, or "" at tenant level.
func (id ResourceID) Subscription() SubscriptionID {
	return SubscriptionID(id.after("subscriptions"))
}

// ResourceGroup returns the resource group's name as written, or "".
func (id ResourceID) ResourceGroup() string { return id.after("resourcegroups") }

// SubscriptionScope returns "/subscriptions/{id}", or "" at tenant level.
func (id ResourceID) SubscriptionScope() ResourceID {
	if sub := id.Subscription(); sub != "" {
		return "/subscriptions/" + ResourceID(sub)
	}
	return ""
}

// Type returns the full resource type, such as
// "Microsoft.Network/virtualNetworks/subnets". For scopes it is
// "Microsoft.Resources/subscriptions" and
// "Microsoft.Resources/subscriptions/resourceGroups". For a Kubernetes object it
// is the type of its cluster.
func (id ResourceID) Type() string {
	arm, _ := id.SplitKubernetes()
	provider := strings.LastIndex(lowerASCII(string(arm)), "/providers/")
	if provider < 0 {
		switch n := strings.Count(string(arm), "/"); {
		case id.Subscription() == "":
			return ""
		case n <= 2:
			return "Microsoft.Resources/subscriptions"
		default:
			return "Microsoft.Resources/subscriptions/resourceGroups"
		}
	}
	segments := strings.Split(string(arm[provider+len("/providers/"):]), "/")
	parts := segments[:1]
	for i := 1; i < len(segments); i += 2 {
		parts = append(parts, segments[i])
	}
	return strings.Join(parts, "/")
}

// Name returns the last segment.
func (id ResourceID) Name() string {
	s := strings.TrimSuffix(string(id), "/")
	return s[strings.LastIndexByte(s, '/')+1:]
}

// Parent returns the resource one type/name pair up ("" above a top-level
// resource): the virtual network of a subnet, the site of a slot.
func (id ResourceID) Parent() ResourceID {
	up, _, ok := cutLast(string(id))
	if !ok {
		return ""
	}
	if up, _, ok = cutLast(up); !ok {
		return ""
	}
	above, _, _ := cutLast(up) // up ends in the namespace when id is top-level
	if _, word, _ := cutLast(above); strings.EqualFold(word, "providers") {
		return ""
	}
	return ResourceID(up)
}

// AttachedTo returns the resource that an extension resource is attached to: the
// key vault of one of its diagnostic settings. It is "" for what is attached to
// none, such as a key vault, or a role assignment of a subscription.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/extension-resource-types
func (id ResourceID) AttachedTo() ResourceID {
	arm, below := id.SplitKubernetes()
	at := strings.LastIndex(lowerASCII(string(arm)), "/providers/")
	if at <= 0 || below != "" || strings.Count(string(arm[at:]), "/") != 4 {
		return ""
	}
	scope := arm[:at]
	if strings.Contains(lowerASCII(string(scope)), "/providers/") {
		return scope
	}
	return ""
}

// cutLast parts s at its last slash; without one, last is all of s.
func cutLast(s string) (before, last string, ok bool) {
	at := strings.LastIndexByte(s, '/')
	if at < 0 {
		return "", s, false
	}
	return s[:at], s[at+1:], true
}

// Within reports whether id is scope itself or lies below it. The empty scope
// and "/" hold everything.
func (id ResourceID) Within(scope ResourceID) bool {
	k, s := string(id.Key()), string(scope.Key())
	return s == "" || k == s || strings.HasPrefix(k, s+"/")
}

// Child returns the ID of a child resource.
func (id ResourceID) Child(childType, name string) ResourceID {
	return id + ResourceID("/"+childType+"/"+name)
}

// Kubernetes returns the ID of an object of this cluster. Group is "" for the
// core API and namespace "" for cluster-scoped objects; resource is the plural
// ("deployments").
func (id ResourceID) Kubernetes(group, version, namespace, resource, name string) ResourceID {
	path := "/api/" + version
	if group != "" {
		path = "/apis/" + group + "/" + version
	}
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	return id + ResourceID(path+"/"+resource+"/"+name)
}

// SplitKubernetes parts the ID of a Kubernetes object into its cluster's ARM
// ID and its API path ("/apis/apps/v1/…"). The path is "" for an ARM resource.
func (id ResourceID) SplitKubernetes() (cluster ResourceID, apiPath string) {
	lower := lowerASCII(string(id))
	at := strings.Index(lower, "/managedclusters/")
	if at < 0 {
		return id, ""
	}
	rest := at + len("/managedclusters/")
	slash := strings.IndexByte(lower[rest:], '/')
	if slash < 0 {
		return id, ""
	}
	rest += slash
	if strings.HasPrefix(lower[rest:], "/api/") || strings.HasPrefix(lower[rest:], "/apis/") {
		return id[:rest], string(id[rest:])
	}
	return id, ""
}

// lowerASCII folds the letters A to Z alone, so that offsets into the result
// are offsets into s: folding others may change how many bytes they take.
func lowerASCII(s string) string {
	at := strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' })
	if at < 0 {
		return s
	}
	folded := []byte(s)
	for i, c := range folded[at:] {
		if c >= 'A' && c <= 'Z' {
			folded[at+i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}

// after returns the segment that follows the first segment named word.
func (id ResourceID) after(word string) string {
	s := string(id)
	for s != "" {
		s = strings.TrimPrefix(s, "/")
		segment, rest, _ := strings.Cut(s, "/")
		if strings.EqualFold(segment, word) {
			value, _, _ := strings.Cut(rest, "/")
			return value
		}
		s = rest
	}
	return ""
}

// SubscriptionID is a subscription's GUID as Azure writes it.
type SubscriptionID string

// TenantID is a directory's GUID as Azure writes it.
type TenantID string

// Digest is a content digest in OCI form: "sha256:" and 64 hexadecimal digits.
type Digest string

// ParseGUID checks the 8-4-4-4-12 form of a GUID and returns it in lower case.
// What names the thing in the error: "tenant ID", "client ID".
func ParseGUID(what, s string) (string, error) {
	ok := len(s) == 36
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			ok = c == '-'
		default:
			ok = c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		}
	}
	if !ok {
		shown := s
		if len(shown) > 60 {
			shown = shown[:60] + "…"
		}
		return "", &Error{
			Kind: KindUsage, Op: "read " + what, Subject: fmt.Sprintf("%q", shown),
			Cause:  "it is not a GUID (36 characters: 8-4-4-4-12 hexadecimal digits, without braces)",
			Remedy: "copy it from `az account show` or from the portal's overview page",
		}
	}
	return strings.ToLower(s), nil
}
