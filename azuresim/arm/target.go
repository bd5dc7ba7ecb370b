package arm

import "strings"

const resourceGraphPath = "/providers/Microsoft.ResourceGraph/resources"

// target is what a path names.
//
//	/subscriptions/S/resourceGroups/G/providers/N/types/name/children
//	└────────────── scope ──────────┘           └─────── tail ──────┘
type target struct {
	subscription string // GUID as sent, "" outside any
	group        string // resource group, as sent
	scope        string // before the last /providers/, or the whole path
	namespace    string // "Microsoft.Network", "" when there is no provider
	tail         []string
}

func parse(path string) target {
	t := target{scope: path}
	lower := strings.ToLower(path)
	segments := strings.Split(strings.Trim(path, "/"), "/")
	if strings.EqualFold(segments[0], "subscriptions") && len(segments) > 1 {
		t.subscription = segments[1]
		if len(segments) > 3 && strings.EqualFold(segments[2], "resourcegroups") {
			t.group = segments[3]
		}
	}
	if at := strings.LastIndex(lower, "/providers/"); at >= 0 {
		t.scope = path[:at]
		tail := strings.Split(path[at+len("/providers/"):], "/")
		t.namespace, t.tail = tail[0], tail[1:]
	}
	return t
}

// isResource reports whether the path names one resource (pairs of type and
// name) and not a collection or an action.
func (t target) isResource() bool { return len(t.tail) > 0 && len(t.tail)%2 == 0 }

// resourceType is the type without names; of a collection, the type of its
// members.
func (t target) resourceType() string {
	parts := []string{t.namespace}
	for i := 0; i < len(t.tail); i += 2 {
		parts = append(parts, t.tail[i])
	}
	return strings.Join(parts, "/")
}

// parent is the path without the last segment.
func parentPath(path string) string { return path[:strings.LastIndexByte(path, '/')] }

func (t target) last() string {
	if len(t.tail) == 0 {
		return ""
	}
	return t.tail[len(t.tail)-1]
}
