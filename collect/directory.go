package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/estate"
)

// collection is what Microsoft Graph serves under one path, and how it is kept.
type collection struct {
	// name is the type without its namespace: "users" is Microsoft.Graph/users.
	name string
	path string // below the version
	// needs is the least application permission, or delegated one, that is
	// asked for; others do as well.
	needs  string
	others []string
	single bool // one object, not a list
	// fields are kept of each object; "" keeps all. Names in brackets are of
	// the objects in a list: "passwordCredentials(keyId,endDateTime)".
	fields string
	query  []string
	// asked has the service leave the other fields out as well. Reports and
	// policies take no $select.
	asked bool
	// after completes what was read, before it is filed.
	after func(context.Context, *directory, []json.RawMessage) ([]json.RawMessage, error)
}

func (c collection) resourceType() string { return graphNamespace + c.name }

const graphNamespace = "Microsoft.Graph/"

// Permissions of Microsoft Graph that the whole directory takes.
//
// Source: https://learn.microsoft.com/graph/permissions-reference
const (
	readDirectory = "Directory.Read.All"
	readPolicies  = "Policy.Read.All"
	readRoles     = "RoleManagement.Read.Directory"
	readAudit     = "AuditLog.Read.All"
	readReviews   = "AccessReview.Read.All"
)

// Bounds of the directory.
const (
	directoryAtOnce     = 4       // requests; Microsoft Graph throttles by application and tenant
	mostDirectory       = 500_000 // objects of one collection; the directory's own quota for most tenants
	mostAssignableGroup = 1000    // groups whose members are read; a tenant has at most 500 that roles may be given to
	mostMembers         = 10_000  // of one such group
)

// directory reads Microsoft Graph into the estate.
type directory struct {
	*run
	grants azure.MSGraphGrants
}

// readDirectoryObjects reads every collection. Each is a listing of its own at
// "/", or a gap that names the permission.
func (r *run) readDirectoryObjects(ctx context.Context) error {
	d := directory{run: r}
	grants, err := r.client.MSGraphGrants(ctx)
	switch {
	case err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)):
		return err
	case err != nil:
		d.lackAll(gapKind(err), causeOf(err), remedyOf(err))
		return nil
	}
	if d.grants = grants; grants.None() {
		d.lackAll(azward.GapDenied, "the principal has no permission of Microsoft Graph, which are granted apart from roles of Azure, so nothing of the directory was read",
			d.command(readDirectory)+"  (and the others of docs/permissions.md)")
		return nil
	}
	return each(ctx, directoryAtOnce, collections, func(ctx context.Context, c collection) error {
		defer r.step("", c.resourceType())
		return d.read(ctx, c)
	})
}

// lackAll files one gap for one cause, instead of one for each collection.
func (d *directory) lackAll(kind azward.GapKind, cause, remedy string) {
	d.sink.gap(azward.Gap{Scope: "/", Kind: kind, Reads: graphNamespace + estate.AllTypes, Needs: readDirectory, Error: cause, Remedy: remedy})
	for _, c := range collections {
		d.step("", c.resourceType())
	}
}

func (d *directory) command(permission string) string {
	return strings.ReplaceAll(azure.GrantMSGraph(d.grants, permission), "CLIENT-ID", d.clientID)
}

func (d *directory) read(ctx context.Context, c collection) error {
	items, pages, err := d.fetch(ctx, c)
	if err == nil && c.after != nil {
		items, err = c.after(ctx, d, items)
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return err
	}
	listing := estate.Listing{Scope: "/", Type: c.resourceType(), Status: estate.ListingComplete, Pages: pages, ReadAt: d.readAt}
	if err != nil {
		listing.Status = estate.ListingPartial
		d.lack(c, err)
	}
	for _, item := range items {
		if err := d.file(c, item); err != nil {
			listing.Status = estate.ListingPartial
			d.sink.gap(azward.Gap{Scope: "/", Kind: azward.GapUnparsed, Reads: c.resourceType(), Error: "an object of the directory was not understood: " + causeOf(err)})
		}
	}
	d.sink.listing(listing)
	return nil
}

// fetch gives the objects with the fields that are kept.
func (d *directory) fetch(ctx context.Context, c collection) (items []json.RawMessage, pages int, err error) {
	keep := parseFields(c.fields)
	path, query := graphVersion+c.path, c.query
	if c.asked {
		query = append(query[:len(query):len(query)], "$select", keep.names())
	}
	if c.single {
		body, err := d.client.MSGraph(ctx, path, query...)
		if err != nil {
			return nil, 0, err
		}
		return []json.RawMessage{keep.cut(named(c, body))}, 1, nil
	}
	for page, err := range d.client.MSGraphPages(ctx, path, query...) {
		if err != nil {
			return items, pages, err
		}
		pages++
		for _, body := range page {
			if len(items) >= mostDirectory {
				return items, pages, fmt.Errorf("there are more than %d, and the rest was not read", mostDirectory)
			}
			items = append(items, keep.cut(body))
		}
	}
	return items, pages, nil
}

const graphVersion = "/v1.0/"

// named gives an object without an ID of its own its collection's name for one.
func named(c collection, body json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	if id := fields["id"]; len(id) > 0 && string(id) != "null" && string(id) != `""` {
		return body
	}
	fields["id"] = json.RawMessage(`"` + c.name + `"`)
	return remarshal(fields, body)
}

func remarshal(fields map[string]json.RawMessage, otherwise json.RawMessage) json.RawMessage {
	body, err := json.Marshal(fields)
	if err != nil {
		return otherwise
	}
	return body
}

func (d *directory) file(c collection, body json.RawMessage) error {
	from := estate.Provenance{Source: azward.SourceMSGraph, APIVersion: strings.Trim(graphVersion, "/"), ReadAt: d.readAt}
	return d.sink.msgraph(c.name, body, from)
}

// lack files a gap that names the permission; of a refusal, how it is granted.
func (d *directory) lack(c collection, err error) {
	gap := azward.Gap{Scope: "/", Kind: gapKind(err), Reads: c.resourceType(), Needs: c.needs, Error: causeOf(err), Remedy: remedyOf(err)}
	switch licence := azure.MSGraphLicence(err); {
	case licence != "":
		gap.Needs = licence
	case gap.Kind == azward.GapDenied:
		kind := "application"
		if d.grants.User {
			kind = "delegated"
		}
		gap.Error = "the principal lacks the " + kind + " permission " + c.needs + " of Microsoft Graph"
		if d.grants.Has(append(c.others, c.needs)...) {
			gap.Error = "Microsoft Graph refuses although the token has the " + kind + " permission " + c.needs + ": " + gap.Error
		}
		gap.Remedy = d.command(c.needs)
	}
	d.sink.gap(gap)
}

// fields say what is kept of an object: nil is everything.
type fields map[string]fields

// parseFields reads "a,b(c,d)".
func parseFields(text string) fields {
	if text == "" {
		return nil
	}
	f, _ := fieldsOf(text)
	return f
}

func fieldsOf(text string) (f fields, rest string) {
	f = fields{}
	for text != "" {
		end := strings.IndexAny(text, ",()")
		if end < 0 {
			f[text] = nil
			return f, ""
		}
		name, mark := text[:end], text[end]
		text = text[end+1:]
		var below fields
		if mark == '(' {
			below, text = fieldsOf(text)
		}
		if name != "" {
			f[name] = below
		}
		if mark == ')' {
			return f, text
		}
	}
	return f, ""
}

// names are the top ones, in an order of their own.
func (f fields) names() string { return strings.Join(sortedKeys(f), ",") }

// cut keeps the fields of an object, and of the objects in a list. What is not
// as expected stays as it is.
func (f fields) cut(body json.RawMessage) json.RawMessage {
	if f == nil {
		return withoutNotes(body)
	}
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && list != nil {
		for i := range list {
			list[i] = f.cut(list[i])
		}
		raw, err := json.Marshal(list)
		if err != nil {
			return body
		}
		return raw
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil || all == nil {
		return body
	}
	kept := map[string]json.RawMessage{}
	for name, below := range f {
		if value, ok := all[name]; ok {
			if below != nil {
				value = below.cut(value)
			}
			kept[name] = value
		}
	}
	return remarshal(kept, body)
}

// withoutNotes drops what the service says about its answer.
func withoutNotes(body json.RawMessage) json.RawMessage {
	var all map[string]json.RawMessage
	if json.Unmarshal(body, &all) != nil || all == nil {
		return body
	}
	for name := range all {
		if strings.Contains(name, "@odata.") && name != "@odata.type" || strings.Contains(name, "@microsoft.graph.") {
			delete(all, name)
		}
	}
	return remarshal(all, body)
}
