package web

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/store"
)

// said is the sentence of a verdict without the word of its result, which
// stands beside it as a badge.
func said(v azward.Verdict) string { return saying(v.Summary) }

func saying(summary string) string {
	for _, head := range []string{"exploitable: ", "exploitable on a condition: ", "dormant: ", "not exploitable: ", "unknown: "} {
		if rest, ok := strings.CutPrefix(summary, head); ok {
			return clean(rest)
		}
	}
	return clean(summary)
}

// reach says in a clause why a verdict is what it is, for a row of a list: that
// it runs and is affected is the same in all that are exploitable.
func reach(v store.VerdictRow) string {
	text := saying(v.Summary)
	if v.Exploitable == azward.Yes {
		text, _, _ = strings.Cut(text, "; ")
	}
	return text
}

// cluster names the cluster of a workload in one; "" for others.
func cluster(id azward.ResourceID) string {
	if of, path := id.SplitKubernetes(); path != "" {
		return tail(of)
	}
	return ""
}

// purlName is the name of a package URL without its type and namespace, and
// purlVersion its version. What is no package URL is shown as it is.
func purlName(purl string) string {
	path, _ := splitPURL(purl)
	return path[strings.LastIndexByte(path, '/')+1:]
}

func purlVersion(purl string) string {
	_, version := splitPURL(purl)
	return version
}

func splitPURL(purl string) (path, version string) {
	path, _, _ = strings.Cut(purl, "?")
	path, _, _ = strings.Cut(path, "#")
	if at := strings.LastIndexByte(path, '@'); at > 0 {
		path, version = path[:at], path[at+1:]
	}
	if text, err := url.PathUnescape(path); err == nil {
		path = text
	}
	if text, err := url.PathUnescape(version); err == nil {
		version = text
	}
	return path, version
}

// stamp is a time as pages write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// classWord says from how far away in words.
func classWord(c exposure.Class) string {
	words := map[exposure.Class]string{
		exposure.InternetAny: "any public address", exposure.InternetRestricted: "a list of public addresses", exposure.AzureAnyTenant: "anybody's machine in Azure",
		exposure.FrontServiceShared: "a front that Azure shares", exposure.Authenticated: "who has signed in", exposure.PartnerPrivate: "a partner's private link",
		exposure.PrivateConnected: "connected private networks", exposure.VnetPeered: "peered networks", exposure.VnetLocal: "its own network", exposure.SameCluster: "its own cluster",
	}
	return cmp.Or(words[c], string(c))
}

// field is one property of something, before and after a change.
type field struct{ Name, Before, After string }

// changed lists what differs between two JSON objects, by name; without one of
// them, all that the other has.
func changed(before, after json.RawMessage) []field {
	was, is := properties(before), properties(after)
	names := slices.Sorted(maps.Keys(was))
	for name := range is {
		if _, ok := was[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []field
	for _, name := range names {
		if name == "updatedAt" { // when the entry was made
			continue
		}
		f := field{name, shorten(was[name], maxLine), shorten(is[name], maxLine)}
		if was[name] != is[name] {
			list = append(list, f)
		}
	}
	return list
}

// properties are those of an object as text; what is no object has one without
// a name.
func properties(raw json.RawMessage) map[string]string {
	if len(raw) == 0 {
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return map[string]string{"": string(raw)}
	}
	out := make(map[string]string, len(object))
	for name, value := range object {
		out[name] = string(value)
		var text string
		if json.Unmarshal(value, &text) == nil {
			out[name] = text
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				out[name] = stamp(at) // as times stand everywhere else
			}
		}
	}
	return out
}
