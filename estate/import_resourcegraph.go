package estate

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// resourceGraph reads an answer of Azure Resource Graph, as the REST API
// (resultTruncated, $skipToken, totalRecords) or `az graph query` (skip_token,
// total_records) write it; the rows stand in data as objects or as a table.
//
// An answer holds what its query asked for. That it is not truncated says
// that the query got everything, not that the query wanted everything: a
// filter leaves no trace in the rows. So it proves a listing only where the
// query stands beside it (as "query", with "subscriptions", the names they
// have in the request), filters by type alone and keeps whole rows.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data
func (in *reader) resourceGraph(value []byte, at string) error {
	data, _ := member(value, "data")
	if len(data) > 0 && data[0] == '{' {
		rows, err := tableRows(data)
		if err != nil {
			return in.broken(at, err)
		}
		data = rows
	}
	if len(data) == 0 || data[0] != '[' {
		return in.exported(value, azward.SourceExport, at)
	}
	rows, types := 0, map[string]bool{}
	for i, row := range elements(data) {
		if t, ok := member(row, "type"); ok {
			if s, ok := text(t); ok && s != "" {
				types[strings.ToLower(s)] = true
			}
		}
		if err := in.exported(row, azward.SourceResourceGraph, fmt.Sprintf("%s, row %d", at, i)); err != nil {
			return err
		}
		rows++
	}
	if untruncated(value, rows) {
		in.graphListings(value, types)
	}
	return nil
}

// tableRows turns {"columns":[{"name":…}],"rows":[[…]]} into objects.
func tableRows(table []byte) ([]byte, error) {
	columns, _ := member(table, "columns")
	rows, _ := member(table, "rows")
	var names []string
	for _, c := range elements(columns) {
		name, _ := member(c, "name")
		s, ok := text(name)
		if !ok || s == "" {
			return nil, fmt.Errorf("a column of the table has no name")
		}
		names = append(names, s)
	}
	var out bytes.Buffer
	out.WriteByte('[')
	for i, row := range elements(rows) {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('{')
		cells := 0
		for j, cell := range elements(row) {
			if j >= len(names) {
				return nil, fmt.Errorf("row %d of the table has more cells than there are columns", i)
			}
			if j > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, "%s:%s", azward.JSONValue(names[j]), cell)
			cells++
		}
		out.WriteByte('}')
		if cells != len(names) {
			return nil, fmt.Errorf("row %d of the table has %d cells for %d columns", i, cells, len(names))
		}
	}
	out.WriteByte(']')
	return out.Bytes(), nil
}

// untruncated reports whether the answer says that it holds every row that
// its query found.
func untruncated(value []byte, rows int) bool {
	for _, name := range []string{"$skipToken", "skipToken", "skip_token"} {
		if token, ok := member(value, name); ok && string(token) != "null" && string(token) != `""` {
			return false
		}
	}
	said := false
	if truncated, ok := member(value, "resultTruncated"); ok {
		if s := strings.Trim(string(truncated), `"`); !strings.EqualFold(s, "false") {
			return false
		}
		said = true
	}
	for _, name := range []string{"totalRecords", "total_records"} {
		if total, ok := member(value, name); ok {
			if n, err := strconv.Atoi(string(total)); err != nil || n != rows {
				return false
			}
			said = true
		}
	}
	return said
}

// graphListings adds the listings that the query beside an answer proves, as
// far as the one who asked could read the subscriptions. Seen are the types
// of the rows, in lower case: of a whole table no others are known to be in it.
func (in *reader) graphListings(value []byte, seen map[string]bool) {
	raw, _ := member(value, "query")
	query, _ := text(raw)
	types, ok := queriedTypes(query)
	if !ok {
		return
	}
	if len(types) == 0 {
		types = slices.Sorted(maps.Keys(seen))
	}
	list, _ := member(value, "subscriptions")
	for _, element := range elements(list) {
		s, _ := text(element)
		sub, err := azward.ParseGUID("subscription ID", strings.TrimPrefix(s, "/subscriptions/"))
		if err != nil {
			continue // what names no subscription lists none
		}
		for _, t := range types {
			in.builder.AddListing(Listing{
				Scope: azward.ResourceID("/subscriptions/" + sub), Type: t, Status: ListingComplete, Via: azward.SourceResourceGraph,
			})
		}
	}
}

var (
	typeFilter = regexp.MustCompile(`(?i)^where\s+type\s*(=~|==)\s*['"]([a-z0-9./-]+)['"]$`)
	typesIn    = regexp.MustCompile(`(?i)^where\s+type\s+(in~?)\s*\(([^()]*)\)$`)
	quotedType = regexp.MustCompile(`(?i)^\s*['"]([a-z0-9./-]+)['"]\s*$`)
	harmless   = regexp.MustCompile(`(?i)^(?:(?:order|sort)\s+by\s+[a-z]+(?:\s+(?:asc|desc))?|project\s+[a-z]+(?:\s*,\s*[a-z]+)*)$`)
)

// queriedTypes returns the types of which a query asks for everything, none
// for a whole table. It is false when the query holds anything but the table,
// one filter by type, an order and a choice of columns: another filter would
// leave rows out.
func queriedTypes(query string) (types []string, ok bool) {
	stages := strings.Split(query, "|")
	if !strings.EqualFold(strings.TrimSpace(stages[0]), "resources") {
		return nil, false
	}
	for _, stage := range stages[1:] {
		stage = strings.TrimSpace(stage)
		one, several := typeFilter.FindStringSubmatch(stage), typesIn.FindStringSubmatch(stage)
		switch {
		case harmless.MatchString(stage):
		case types == nil && one != nil:
			types = []string{one[2]}
			if one[1] == "==" && one[2] != strings.ToLower(one[2]) {
				return nil, false // Resource Graph spells types in lower case: this finds nothing
			}
		case types == nil && several != nil:
			for part := range strings.SplitSeq(several[2], ",") {
				m := quotedType.FindStringSubmatch(part)
				if m == nil || !strings.HasSuffix(several[1], "~") && m[1] != strings.ToLower(m[1]) {
					return nil, false
				}
				types = append(types, m[1])
			}
		default:
			return nil, false
		}
	}
	return types, true
}
