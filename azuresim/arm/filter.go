package arm

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// clause is one comparison of an OData filter.
var clause = regexp.MustCompile(`^\s*([A-Za-z/]+)\s+(eq|ne)\s+'((?:[^']|'')*)'\s*$`)

const maxFilterBytes = 4096

// parseFilter reads comparisons joined by and. What it cannot read is refused,
// as Azure refuses it, and never ignored.
func parseFilter(filter string) (func(*inventory.Resource) bool, *Error) {
	if filter == "" {
		return func(*inventory.Resource) bool { return true }, nil
	}
	invalid := fail(http.StatusBadRequest, "InvalidFilterInQueryString", "Invalid $filter '%.200s' specified in the query string.", filter)
	if len(filter) > maxFilterBytes {
		return nil, invalid
	}
	var tests []func(*inventory.Resource) bool
	for part := range strings.SplitSeq(filter, " and ") {
		m := clause.FindStringSubmatch(part)
		if m == nil {
			return nil, invalid
		}
		field, want := strings.ToLower(m[1]), strings.ReplaceAll(m[3], "''", "'")
		read, ok := filterFields[field]
		if !ok {
			return nil, invalid
		}
		equal := m[2] == "eq"
		tests = append(tests, func(r *inventory.Resource) bool { return strings.EqualFold(read(r), want) == equal })
	}
	return func(r *inventory.Resource) bool {
		for _, test := range tests {
			if !test(r) {
				return false
			}
		}
		return true
	}, nil
}

var filterFields = map[string]func(*inventory.Resource) string{
	"resourcetype":  func(r *inventory.Resource) string { return r.Type },
	"resourcegroup": func(r *inventory.Resource) string { return parse(r.ID).group },
	"name":          func(r *inventory.Resource) string { return r.Name },
	"location": func(r *inventory.Resource) string {
		var head struct {
			Location string `json:"location"`
		}
		if json.Unmarshal(r.Body, &head) != nil {
			return ""
		}
		return strings.ReplaceAll(head.Location, " ", "")
	},
}
