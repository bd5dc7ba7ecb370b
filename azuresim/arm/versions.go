package arm

import (
	"bufio"
	_ "embed"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

//go:embed apiversions.txt
var versionText string

// versions by "namespace/type" of top-level types, in lower case.
type versions map[string]*supported

type supported struct {
	namespace, resourceType string // as spelt
	list                    []string
}

func loadVersions(replaced map[string][]string) (versions, error) {
	table := versions{}
	scanner := bufio.NewScanner(strings.NewReader(versionText))
	for scanner.Scan() {
		line := scanner.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		names, list, ok := strings.Cut(line, " = ")
		namespace, types, _ := strings.Cut(names, " ")
		if !ok {
			return nil, fmt.Errorf("the table of API versions has the line %.80q", line)
		}
		for t := range strings.SplitSeq(types, ",") {
			table[strings.ToLower(namespace+"/"+t)] = &supported{namespace, t, strings.Fields(list)}
		}
	}
	for name, list := range replaced {
		namespace, t, ok := strings.Cut(name, "/")
		if !ok {
			return nil, fmt.Errorf("apiVersions names %.80q, which is not a resource type", name)
		}
		table[strings.ToLower(name)] = &supported{namespace, t, list}
	}
	return table, nil
}

// of gives the versions of a type; a child goes with its top-level type.
func (v versions) of(resourceType string) *supported {
	parts := strings.SplitN(strings.ToLower(resourceType), "/", 3)
	if len(parts) < 2 {
		return nil
	}
	if len(parts) == 3 {
		if exact := v[strings.ToLower(resourceType)]; exact != nil {
			return exact
		}
	}
	return v[parts[0]+"/"+parts[1]]
}

var versionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-(preview|alpha|beta|privatepreview))?$`)

// checkVersionGiven runs before authentication, as ARM's front does.
func (c *call) checkVersionGiven() *Error {
	if c.r.URL.Query().Get("api-version") == "" {
		return fail(http.StatusBadRequest, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests.")
	}
	return nil
}

// checkVersion refuses versions that the type does not have. Types that the
// table lacks take any well-formed version.
func (c *call) checkVersion() *Error {
	version := c.r.URL.Query().Get("api-version")
	if c.target.namespace == "" || len(c.target.tail) == 0 {
		return c.checkCoreVersion(version)
	}
	s := c.versions.of(c.target.resourceType())
	switch {
	case s == nil && !versionForm.MatchString(version):
		return fail(http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version '%.60s' is invalid.", version)
	case s == nil || slices.Contains(s.list, strings.ToLower(version)):
		return nil
	}
	return fail(http.StatusBadRequest, "NoRegisteredProviderFound",
		"No registered resource provider found for location 'westeurope' and API version '%.60s' for type '%s'. The supported api-versions are '%s'. The supported locations are 'northeurope, westeurope'.",
		version, s.resourceType, strings.Join(s.list, ", "))
}

// coreVersions are those of ARM's own paths: subscriptions, resource groups,
// resources, providers.
//
// Source: https://learn.microsoft.com/rest/api/resources/
var coreVersions = strings.Fields(`2014-04-01 2015-01-01 2015-11-01 2016-02-01 2016-06-01 2016-07-01 2016-09-01
	2017-05-10 2018-01-01 2018-02-01 2018-05-01 2019-03-01 2019-05-01 2019-05-10 2019-06-01 2019-07-01 2019-08-01
	2019-10-01 2019-11-01 2020-01-01 2020-05-01 2020-06-01 2020-08-01 2020-10-01 2021-01-01 2021-04-01 2022-01-01
	2022-09-01 2022-12-01 2023-07-01 2024-03-01 2024-07-01 2024-11-01 2025-03-01 2025-04-01`)

func (c *call) checkCoreVersion(version string) *Error {
	if slices.Contains(coreVersions, strings.ToLower(version)) {
		return nil
	}
	newest := slices.Clone(coreVersions)
	slices.Reverse(newest)
	return fail(http.StatusBadRequest, "InvalidApiVersionParameter", "The api-version '%.60s' is invalid. The supported versions are '%s'.", version, strings.Join(newest, ","))
}
